/* A model of the AVX-512 intrinsics that native.c uses, lane by lane after Intel's intrinsics guide.
 *
 * `cc -include tests/avx512_model.h -DAVX512_MODEL` compiles the AVX-512 path of native.c for a machine
 * with AVX2 alone: tests then run its lines, though not its instructions.
 */

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    int32_t lane[16];
} model512;

#define MODEL2(name, result)                                            \
    static inline model512 model_##name(model512 a, model512 b)         \
    {                                                                   \
        for (int k = 0; k < 16; k++) {                                  \
            int32_t x = a.lane[k], y = b.lane[k];                       \
            a.lane[k] = (int32_t)(result);                              \
        }                                                               \
        return a;                                                       \
    }
MODEL2(add, (uint32_t)x + (uint32_t)y)
MODEL2(sub, (uint32_t)x - (uint32_t)y)
MODEL2(min, x < y ? x : y)
MODEL2(max, x > y ? x : y)
MODEL2(sra, (uint32_t)y > 31 ? x >> 31 : x >> y)

#define MODEL_WIDEN(name, from, type, to, count)                        \
    static inline model512 model_##name(from v)                         \
    {                                                                   \
        type narrow[count];                                             \
        to wide[count];                                                 \
        model512 out;                                                   \
        memcpy(narrow, &v, sizeof narrow);                              \
        for (int k = 0; k < count; k++)                                 \
            wide[k] = narrow[k];                                        \
        memcpy(&out, wide, sizeof out);                                 \
        return out;                                                     \
    }
MODEL_WIDEN(from_int16, __m256i, int16_t, int32_t, 16)
MODEL_WIDEN(from_uint8, __m128i, uint8_t, int32_t, 16)
MODEL_WIDEN(int8_to_int16, __m256i, int8_t, int16_t, 32)

#define MODEL_NARROW(name, to, type)                                    \
    static inline to model_##name(model512 v)                           \
    {                                                                   \
        type narrow[16];                                                \
        to out;                                                         \
        for (int k = 0; k < 16; k++)                                    \
            narrow[k] = (type)v.lane[k];                                \
        memcpy(&out, narrow, sizeof out);                               \
        return out;                                                     \
    }
MODEL_NARROW(to_int16, __m256i, int16_t)
MODEL_NARROW(to_int8, __m128i, int8_t)

/* sum + products of `count` / 16 neighbours, without saturation */
#define MODEL_DOT(name, left, right, count)                             \
    static inline model512 model_##name(model512 sum, model512 a, model512 b) \
    {                                                                   \
        left x[count];                                                  \
        right y[count];                                                 \
        memcpy(x, &a, sizeof x);                                        \
        memcpy(y, &b, sizeof y);                                        \
        for (int k = 0; k < count; k++) {                               \
            int32_t *lane = &sum.lane[k * 16 / count];                  \
            *lane = (int32_t)((uint32_t)*lane + (uint32_t)(x[k] * y[k])); \
        }                                                               \
        return sum;                                                     \
    }
MODEL_DOT(dpwssd, int16_t, int16_t, 32)
MODEL_DOT(dpbusd, uint8_t, int8_t, 64)

static inline model512 model_load(const void *p)
{
    model512 out;
    memcpy(&out, p, sizeof out);
    return out;
}

static inline model512 model_set1(int32_t x)
{
    model512 out;
    for (int k = 0; k < 16; k++)
        out.lane[k] = x;
    return out;
}

static inline model512 model_gather(model512 index, const int *table)
{
    for (int k = 0; k < 16; k++)
        index.lane[k] = table[index.lane[k]];
    return index;
}

#define __m512i model512
#define _mm512_loadu_si512 model_load
#define _mm512_storeu_si512(p, v) memcpy(p, &(v), 64)
#define _mm512_set1_epi32 model_set1
#define _mm512_add_epi32 model_add
#define _mm512_sub_epi32 model_sub
#define _mm512_min_epi32 model_min
#define _mm512_max_epi32 model_max
#define _mm512_srav_epi32 model_sra
#define _mm512_i32gather_epi32(index, table, scale) model_gather(index, table)
#define _mm512_cvtepi16_epi32 model_from_int16
#define _mm512_cvtepu8_epi32 model_from_uint8
#define _mm512_cvtepi8_epi16 model_int8_to_int16
#define _mm512_cvtepi32_epi16 model_to_int16
#define _mm512_cvtepi32_epi8 model_to_int8
#define _mm512_dpwssd_epi32 model_dpwssd
#define _mm512_dpbusd_epi32 model_dpbusd
