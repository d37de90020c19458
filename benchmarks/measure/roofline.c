/* Multiply-adds in registers alone: how many multiplications a second one core can do.
 *
 * Each function runs `rounds` times over 12 independent sums, so that neither memory nor the latency
 * of an instruction limits it. The barrier keeps the compiler from moving a product out of the loop.
 */

#include <immintrin.h>
#include <stdint.h>

enum { SUMS = 12 };

#define PEAK(NAME, TARGET, VECTOR, SET, ADD)                                  \
    __attribute__((target(TARGET), visibility("default"))) int64_t NAME(int64_t rounds) \
    {                                                                         \
        VECTOR x = SET(3), w = SET(5), sums[SUMS];                            \
        for (int k = 0; k < SUMS; k++)                                        \
            sums[k] = SET(k);                                                 \
        for (int64_t r = 0; r < rounds; r++)                                  \
            for (int k = 0; k < SUMS; k++) {                                  \
                __asm__ volatile("" : "+x"(x));                               \
                sums[k] = ADD(sums[k], x, w);                                 \
            }                                                                 \
        VECTOR all = sums[0];                                                 \
        for (int k = 1; k < SUMS; k++)                                        \
            all ^= sums[k];                                                   \
        return all[0];                                                        \
    }

#define MADD_AVX2(sum, x, w) _mm256_add_epi32(sum, _mm256_madd_epi16(x, w))

PEAK(avx2_int16, "avx2", __m256i, _mm256_set1_epi32, MADD_AVX2)
PEAK(avx512vnni_int16, "avx512f,avx512vnni", __m512i, _mm512_set1_epi32, _mm512_dpwssd_epi32)
PEAK(avx512vnni_int8, "avx512f,avx512vnni", __m512i, _mm512_set1_epi32, _mm512_dpbusd_epi32)

__attribute__((visibility("default"))) int has_avx512vnni(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}
