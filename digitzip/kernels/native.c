/* digitzip native kernels: integer networks, the search's arithmetic, rANS and context coding.
 *
 * This library has no global state and no threads. Every function reads the arrays that it is given,
 * writes the arrays that it is given, and returns a count or a negative error. Long work, the coding of
 * residuals, is done in parts, so that a caller can stop between two calls. All results equal those of
 * the NumPy kernels beside it, which are the reference.
 *
 *     native.c   layers, the instruction sets, networks
 *     dense.h    a layer by multiply-adds on vectors, compiled once for each instruction set
 *     search.c   squared errors and Gauss-Newton products; costs and CDF tables of scores
 *     coding.c   rANS, and the context coding of residuals
 *
 * A network is a chain of layers on integers (docs/MODELS.md, section 2):
 *
 *     y = floor((W x + b) / 2^k);  y += output of layer i - s;  y = clip(y);  y = T[y - low]
 *
 * Activations are int16 where their range allows it, and int32 elsewhere; uint8 where it is 0 to 255
 * and the instruction set multiplies bytes. Weights are packed in blocks of 16 outputs, and within a
 * block in groups of inputs: pairs for int16 activations, quads for uint8.
 *
 *     block b, pair p:  w[16b][2p] w[16b][2p+1]  w[16b+1][2p] w[16b+1][2p+1]  ...  w[16b+15][2p+1]
 *
 * Blocks and groups are padded with zeros. Weights of a layer are int8 if all of them fit, else int16.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define X86 1
#include <immintrin.h>
#endif

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8") /* clang knows it, too */
#else
#define INLINE static inline
#define UNROLL
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { BLOCK = 16, ROWS = 48, ROWS_OF_TILE = 6, NO_MEMORY = -1, DAMAGED = -2, MAX_LAYERS = 64 };
enum { PORTABLE = 0, AVX2 = 1, AVX512 = 2 };
enum { OUT_INT32 = 0, OUT_UINT8 = 1, OUT_FLOAT32 = 2 };
enum { PAIRS = 0, PAIRS8 = 1, QUADS = 2 }; /* int16 by int16 weights, by int8 weights; uint8 by int8 */

typedef struct {
    int32_t inputs, outputs;     /* columns and rows of the weight */
    int32_t low, high, skip;     /* clip; distance in layers to the output that is added, or 0 */
    int32_t in_size, out_size;   /* bytes of inputs and outputs: 1 for uint8, 2 for int16, 4 for int32 */
    int32_t wide;                /* whether inputs are int32 or sums need 64 bits */
    int32_t kind, groups;        /* of the packed weight */
    int32_t height, width, size, step, channels; /* window; height is 0 without one */
    int32_t windows;             /* windows of an image, 1 without a window */
    const char *packed;          /* the packed weight, unless wide */
    const int16_t *plain;        /* the weight, row by row */
    const int64_t *bias;
    const uint8_t *shift;
    const int32_t *table;        /* or NULL */
} layer_t;

/* Work of a layer: n rows of inputs x, of skipped outputs or NULL, and of outputs y; strides in bytes. */
typedef struct {
    const layer_t *layer;
    int64_t n;
    const char *x, *skipped;
    char *y;
    int64_t x_stride, skip_stride, y_stride;
    int skip_size;
    const uint32_t *lists, *lengths; /* groups of each row that are not zero, or NULL */
} dense_t;

static int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* ------------------------------------------------------------------------------------------------
 * Portable layers
 */

INLINE int32_t load(const void *x, int size, int64_t i)
{
    return size == 1 ? ((const uint8_t *)x)[i] : size == 2 ? ((const int16_t *)x)[i] : ((const int32_t *)x)[i];
}

INLINE void store(void *y, int size, int64_t i, int32_t value)
{
    if (size == 1)
        ((uint8_t *)y)[i] = (uint8_t)value;
    else if (size == 2)
        ((int16_t *)y)[i] = (int16_t)value;
    else
        ((int32_t *)y)[i] = value;
}

/* Store floor(sum / 2^shift) plus the skipped output, clipped and looked up. */
INLINE void finish(const dense_t *d, int64_t sum, int64_t r, int o)
{
    const layer_t *l = d->layer;
    int64_t y = sum >> l->shift[o];
    if (d->skipped)
        y += load(d->skipped + r * d->skip_stride, d->skip_size, o);
    y = y < l->low ? l->low : y > l->high ? l->high : y;
    store(d->y + r * d->y_stride, l->out_size, o, l->table ? l->table[y - l->low] : (int32_t)y);
}

/* The definition, for any types, in 64 bits. */
static void dense_wide(const dense_t *d)
{
    const layer_t *l = d->layer;
    for (int64_t r = 0; r < d->n; r++)
        for (int o = 0; o < l->outputs; o++) {
            int64_t sum = l->bias[o];
            for (int i = 0; i < l->inputs; i++)
                sum += (int64_t)l->plain[(int64_t)o * l->inputs + i] * load(d->x + r * d->x_stride, l->in_size, i);
            finish(d, sum, r, o);
        }
}

/* The same for int16 inputs and 32-bit sums: dot products that compilers turn into multiply-adds. */
static void dense_portable(const dense_t *d)
{
    const layer_t *l = d->layer;
    for (int o = 0; o < l->outputs; o++) {
        const int16_t *restrict w = l->plain + (int64_t)o * l->inputs;
        for (int64_t r = 0; r < d->n; r++) {
            const int16_t *restrict row = (const int16_t *)(d->x + r * d->x_stride);
            int32_t sum = 0;
            for (int i = 0; i < l->inputs; i++)
                sum += row[i] * w[i];
            finish(d, sum + l->bias[o], r, o);
        }
    }
}

/* ------------------------------------------------------------------------------------------------
 * Instruction sets
 */

#ifdef X86
#define ISA avx2
#define TARGET __attribute__((target("avx2")))
#define V __m256i
#define LANES 8
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define SET1 _mm256_set1_epi32
#define ADD _mm256_add_epi32
#define SUB _mm256_sub_epi32
#define MIN _mm256_min_epi32
#define MAX _mm256_max_epi32
#define SRA _mm256_srav_epi32
#define GATHER(t, i) _mm256_i32gather_epi32((const int *)(t), i, 4)
#define LOAD16(p) _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define LOAD8U(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p)))
#define NARROW(v) _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1))
#define STORE16(p, v) _mm_storeu_si128((__m128i *)(p), NARROW(v))
#define STORE8(p, v) _mm_storel_epi64((__m128i *)(p), _mm_packus_epi16(NARROW(v), NARROW(v)))
#define WIDEN(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define DOT_PAIRS(sum, x, w) _mm256_add_epi32(sum, _mm256_madd_epi16(x, w))
/* vpmaddubsw saturates at 2 x 255 x 127: even and odd bytes are widened and multiplied apart. */
#define EVEN8U(x) _mm256_and_si256(x, _mm256_set1_epi16(255))
#define EVEN8(w) _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8)
#define DOT_QUADS(sum, x, w)                                                                 \
    _mm256_add_epi32(_mm256_add_epi32(sum, _mm256_madd_epi16(EVEN8U(x), EVEN8(w))),          \
                     _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8)))
#include "dense.h"

#define ISA avx512
#ifdef AVX512_MODEL /* tests compile a model of these intrinsics, for machines without them */
#define TARGET __attribute__((target("avx2")))
#else
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))
#endif
#define V __m512i
#define LANES 16
#define LOAD(p) _mm512_loadu_si512((const void *)(p))
#define STORE(p, v) _mm512_storeu_si512((void *)(p), v)
#define SET1 _mm512_set1_epi32
#define ADD _mm512_add_epi32
#define SUB _mm512_sub_epi32
#define MIN _mm512_min_epi32
#define MAX _mm512_max_epi32
#define SRA _mm512_srav_epi32
#define GATHER(t, i) _mm512_i32gather_epi32(i, (const int *)(t), 4)
#define LOAD16(p) _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)(p)))
#define LOAD8U(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define STORE16(p, v) _mm256_storeu_si256((__m256i *)(p), _mm512_cvtepi32_epi16(v))
#define STORE8(p, v) _mm_storeu_si128((__m128i *)(p), _mm512_cvtepi32_epi8(v))
#define WIDEN(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(p)))
#define DOT_PAIRS _mm512_dpwssd_epi32
#define DOT_QUADS _mm512_dpbusd_epi32
#include "dense.h"
#endif

/* Return the best path of this processor and its system. GCC's test includes xgetbv: whether the
 * system saves the registers of 256 and 512 bits. */
EXPORT int32_t digitzip_best_path(void)
{
#ifdef AVX512_MODEL
    return AVX512;
#elif defined(X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vnni"))
        return AVX512;
    if (__builtin_cpu_supports("avx2"))
        return AVX2;
#endif
    return PORTABLE;
}

static void dense(int path, const dense_t *d)
{
    if (d->layer->wide)
        dense_wide(d);
#ifdef X86
    else if (path == AVX512)
        dense_avx512(d);
    else if (path == AVX2)
        dense_avx2(d);
#endif
    else
        dense_portable(d);
}

/* ------------------------------------------------------------------------------------------------
 * Networks
 */

/* Activations of a batch of rows: one buffer a layer, rows padded to whole blocks. */
typedef struct {
    char *data[MAX_LAYERS + 1];
    int64_t stride[MAX_LAYERS + 1]; /* bytes a row */
    char *gathered;                 /* windows of one row */
    uint32_t *lists, *lengths;      /* groups that are not zero */
    void *memory;
} buffers_t;

static int64_t values_in(const layer_t *l)
{
    return l->height ? (int64_t)l->height * l->width * l->channels : l->inputs;
}

static int buffers_open(buffers_t *b, const layer_t *layers, int count, int64_t rows)
{
    int64_t total = 0, windows = 0, groups = 0, at = 0;
    b->stride[0] = padded(values_in(layers), BLOCK) * layers[0].in_size;
    for (int i = 0; i < count; i++) {
        const layer_t *l = layers + i;
        int64_t bytes = l->height ? l->windows * padded(l->inputs, 4) * 4 : 0;
        b->stride[i + 1] = padded((int64_t)l->outputs * l->windows, BLOCK) * l->out_size;
        windows = bytes > windows ? bytes : windows;
        groups = l->groups > groups ? l->groups : groups;
    }
    for (int i = 0; i <= count; i++)
        total += padded(b->stride[i] * rows, 64);
    windows = padded(windows, 64);
    b->memory = calloc(1, total + windows + (groups + 1) * rows * sizeof *b->lists);
    if (!b->memory)
        return NO_MEMORY;
    for (int i = 0; i <= count; at += padded(b->stride[i] * rows, 64), i++)
        b->data[i] = (char *)b->memory + at;
    b->gathered = (char *)b->memory + at;
    b->lists = (uint32_t *)(b->gathered + windows);
    b->lengths = b->lists + groups * rows;
    return 0;
}

/* Copy the windows of one image to rows of `out`; reads nothing that is not in the image. */
static void gather(const layer_t *l, const char *x, char *out)
{
    int rows = (l->height - l->size) / l->step + 1, columns = (l->width - l->size) / l->step + 1;
    int64_t line = (int64_t)l->size * l->channels * l->in_size, stride = padded(l->inputs, 4) * l->in_size;
    for (int wy = 0; wy < rows; wy++)
        for (int wx = 0; wx < columns; wx++, out += stride)
            for (int dy = 0; dy < l->size; dy++) {
                int64_t pixel = (int64_t)(wy * l->step + dy) * l->width + wx * l->step;
                memcpy(out + dy * line, x + pixel * l->channels * l->in_size, line);
            }
}

/* List the groups of each row that are not zero; returns whether there are few enough to gain by it. */
static int list_groups(const dense_t *d, uint32_t *lists, uint32_t *lengths)
{
    int64_t groups = d->layer->groups, limit = d->n * groups * 45 / 100, total = 0;
    for (int64_t r = 0; r < d->n; r++, lists += groups) {
        uint32_t length = 0;
        for (int64_t g = 0; g < groups; g++) {
            int32_t group;
            memcpy(&group, d->x + r * d->x_stride + 4 * g, 4);
            lists[length] = (uint32_t)g;
            length += group != 0;
        }
        lengths[r] = length;
        if ((total += length) > limit)
            return 0;
    }
    return 1;
}

static void run(int path, const layer_t *layers, int count, buffers_t *b, int64_t n)
{
    for (int i = 0; i < count; i++) {
        const layer_t *l = layers + i;
        int s = l->skip ? i + 1 - l->skip : 0;
        dense_t d = {.layer = l, .n = n, .x = b->data[i], .x_stride = b->stride[i],
                     .y = b->data[i + 1], .y_stride = b->stride[i + 1],
                     .skipped = l->skip ? b->data[s] : NULL, .skip_stride = b->stride[s],
                     .skip_size = l->skip ? layers[s - 1].out_size : 0};
        if (!l->height) {
            if (path != PORTABLE && !l->wide && list_groups(&d, b->lists, b->lengths))
                d.lists = b->lists, d.lengths = b->lengths;
            dense(path, &d);
            continue;
        }
        for (int64_t r = 0; r < n; r++) { /* the windows of a row are the rows of a layer */
            gather(l, b->data[i] + r * b->stride[i], b->gathered);
            dense_t w = {.layer = l, .n = l->windows, .x = b->gathered,
                         .x_stride = padded(l->inputs, 4) * l->in_size,
                         .y = d.y + r * d.y_stride, .y_stride = (int64_t)l->outputs * l->out_size,
                         .skipped = l->skip ? d.skipped + r * d.skip_stride : NULL,
                         .skip_stride = (int64_t)l->outputs * d.skip_size, .skip_size = d.skip_size};
            dense(path, &w);
        }
    }
}

#define EACH(TO, FROM)                                \
    for (int64_t i = 0; i < n; i++)                   \
        ((TO *)to)[i] = (TO)((const FROM *)from)[i]

/* Copy inputs, uint8 or int32, to activations of `size` bytes. */
static void copy_in(void *restrict to, int size, const void *restrict from, int is_uint8, int64_t n)
{
    if (size == 1 && is_uint8)
        memcpy(to, from, n);
    else if (size == 1)
        EACH(uint8_t, int32_t);
    else if (size == 2 && is_uint8)
        EACH(int16_t, uint8_t);
    else if (size == 2)
        EACH(int16_t, int32_t);
    else if (is_uint8)
        EACH(int32_t, uint8_t);
    else
        memcpy(to, from, 4 * n);
}

/* Copy activations of `size` bytes to outputs of a kind. */
static void copy_out(void *restrict to, int kind, const void *restrict from, int size, int64_t n)
{
    if (kind == OUT_UINT8) {
        if (size == 1)
            memcpy(to, from, n);
        else if (size == 2)
            EACH(uint8_t, int16_t);
        else
            EACH(uint8_t, int32_t);
    } else if (kind == OUT_FLOAT32) {
        if (size == 1)
            EACH(float, uint8_t);
        else if (size == 2)
            EACH(float, int16_t);
        else
            EACH(float, int32_t);
    } else {
        if (size == 1)
            EACH(int32_t, uint8_t);
        else if (size == 2)
            EACH(int32_t, int16_t);
        else
            memcpy(to, from, 4 * n);
    }
}

/* Return the version of these functions, which native.py must know. */
EXPORT int32_t digitzip_abi(void) { return 3; }

/* Run a network on x, int32 or uint8 [n][inputs]; write out [n][outputs] in the type `kind`. */
EXPORT int32_t digitzip_forward(int32_t path, const layer_t *layers, int32_t count, const void *x, int32_t is_uint8,
                                int64_t n, void *out, int32_t kind)
{
    buffers_t b;
    const layer_t *last = layers + count - 1;
    int64_t inputs = values_in(layers), outputs = (int64_t)last->outputs * last->windows;
    int64_t rows = n < ROWS ? n : ROWS;
    int64_t in_bytes = inputs * (is_uint8 ? 1 : 4), out_bytes = outputs * (kind == OUT_UINT8 ? 1 : 4);
    if (n == 0)
        return 0;
    if (buffers_open(&b, layers, count, rows))
        return NO_MEMORY;
    for (int64_t start = 0; start < n; start += rows) {
        int64_t some = n - start < rows ? n - start : rows;
        for (int64_t r = 0; r < some; r++)
            copy_in(b.data[0] + r * b.stride[0], layers[0].in_size,
                    (const char *)x + (start + r) * in_bytes, is_uint8, inputs);
        run(path, layers, count, &b, some);
        for (int64_t r = 0; r < some; r++)
            copy_out((char *)out + (start + r) * out_bytes, kind, b.data[count] + r * b.stride[count],
                     last->out_size, outputs);
    }
    free(b.memory);
    return 0;
}

#include "search.c"
#include "coding.c"
