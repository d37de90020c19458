/* digitzip native kernels: integer networks, rANS, and the context coding of residuals.
 *
 * This library has no state and no threads. Every function reads the arrays that it is given, writes
 * the arrays that it is given, and returns a count or a negative error. All results equal those of
 * the NumPy kernels (network.py, rans.py, residuals.py), which are the reference.
 *
 * 1. A network is a chain of layers on integers (docs/MODELS.md, section 2):
 *
 *        y = floor((W x + b) / 2^k);  y += output of layer i - s;  y = clip(y);  y = T[y - low]
 *
 *    Activations are int16 where their range allows it, and int32 elsewhere. Weights are packed in
 *    blocks of 16 outputs, and within a block in pairs of inputs:
 *
 *        block b, pair p:  w[16b][2p] w[16b][2p+1]  w[16b+1][2p] w[16b+1][2p+1]  ...  w[16b+15][2p+1]
 *
 *    so that one multiply-add instruction takes a pair of inputs to the sums of 8 or 16 outputs.
 *    Blocks and pairs are padded with zeros.
 *
 * 2. rANS (docs/FORMAT.md, section 4.1): states of 32 bits, words of 16 bits, lanes in turn.
 *
 * 3. Residuals (docs/FORMAT.md, section 4.2): for each position of the images of a chunk, the residual
 *    network weighs the 256 values of the pixel of each image from its context.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define X86 1
#include <immintrin.h>
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { BLOCK = 16, ROWS = 48, NO_MEMORY = -1, DAMAGED = -2, MAX_LAYERS = 64 };
enum { PORTABLE = 0, AVX2 = 1 };
enum { OUT_INT32 = 0, OUT_UINT8 = 1, OUT_FLOAT32 = 2 };

typedef struct {
    int32_t inputs, outputs;     /* columns and rows of the weight */
    int32_t low, high, skip;     /* clip; distance in layers to the output that is added, or 0 */
    int32_t wide_in, wide_out;   /* whether inputs and outputs are int32 */
    int32_t wide_sum;            /* whether sums need 64 bits */
    int32_t height, width, size, step, channels; /* window; height is 0 without one */
    int32_t windows;             /* windows of an image, 1 without a window */
    const int16_t *packed;       /* the packed weight, for int16 inputs */
    const int16_t *plain;        /* the weight, row by row, for int32 inputs and 64-bit sums */
    const int64_t *bias;
    const uint8_t *shift;
    const int32_t *table;        /* or NULL */
} layer_t;

/* ------------------------------------------------------------------------------------------------
 * Networks
 */

static int32_t padded(int32_t n, int32_t to) { return (n + to - 1) / to * to; }

/* Return floor(sum / 2^shift) plus the skipped output, clipped and looked up. */
static inline int32_t finish(const layer_t *layer, int64_t sum, int o, int32_t skipped)
{
    int64_t y = (sum >> layer->shift[o]) + skipped;
    y = y < layer->low ? layer->low : y > layer->high ? layer->high : y;
    return layer->table ? layer->table[y - layer->low] : (int32_t)y;
}

static inline int32_t load(const void *x, int wide, int64_t i)
{
    return wide ? ((const int32_t *)x)[i] : ((const int16_t *)x)[i];
}

static inline void store(void *y, int wide, int64_t i, int32_t value)
{
    if (wide)
        ((int32_t *)y)[i] = value;
    else
        ((int16_t *)y)[i] = (int16_t)value;
}

/* One layer for rows x [n][x_stride], any types: the definition, in 64 bits. */
static void dense_wide(const layer_t *layer, int64_t n, const void *x, int64_t x_stride,
                       const void *skipped, int wide_skip, int64_t skip_stride, void *y, int64_t y_stride)
{
    for (int64_t r = 0; r < n; r++)
        for (int o = 0; o < layer->outputs; o++) {
            const int16_t *w = layer->plain + (int64_t)o * layer->inputs;
            int64_t sum = layer->bias[o];
            for (int i = 0; i < layer->inputs; i++)
                sum += (int64_t)w[i] * load(x, layer->wide_in, r * x_stride + i);
            int32_t s = skipped ? load(skipped, wide_skip, r * skip_stride + o) : 0;
            store(y, layer->wide_out, r * y_stride + o, finish(layer, sum, o, s));
        }
}

/* The same for int16 inputs and 32-bit sums: dot products that compilers turn into multiply-adds. */
static void dense_portable(const layer_t *layer, int64_t n, const int16_t *x, int64_t x_stride,
                           const void *skipped, int wide_skip, int64_t skip_stride, void *y,
                           int64_t y_stride)
{
    for (int o = 0; o < layer->outputs; o++) {
        const int16_t *restrict w = layer->plain + (int64_t)o * layer->inputs;
        for (int64_t r = 0; r < n; r++) {
            const int16_t *restrict row = x + r * x_stride;
            int32_t sum = 0;
            for (int i = 0; i < layer->inputs; i++)
                sum += row[i] * w[i];
            int32_t s = skipped ? load(skipped, wide_skip, r * skip_stride + o) : 0;
            store(y, layer->wide_out, r * y_stride + o, finish(layer, sum + layer->bias[o], o, s));
        }
    }
}

#ifdef X86
/* Clip, look up and store 8 outputs whose sums are in `sum`. */
__attribute__((target("avx2"))) static inline void finish8(const layer_t *layer, __m256i sum, __m256i shift,
                                                           int o, int count, const void *skipped,
                                                           int wide_skip, int64_t skip_at, void *y, int64_t y_at)
{
    sum = _mm256_srav_epi32(sum, shift);
    if (skipped) {
        if (wide_skip) {
            int32_t few[8] = {0};
            memcpy(few, (const int32_t *)skipped + skip_at + o, 4 * (count < 8 ? count : 8));
            sum = _mm256_add_epi32(sum, _mm256_loadu_si256((const __m256i *)few));
        } else {
            int16_t few[8] = {0};
            memcpy(few, (const int16_t *)skipped + skip_at + o, 2 * (count < 8 ? count : 8));
            sum = _mm256_add_epi32(sum, _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)few)));
        }
    }
    __m256i low = _mm256_set1_epi32(layer->low);
    sum = _mm256_min_epi32(_mm256_max_epi32(sum, low), _mm256_set1_epi32(layer->high));
    if (layer->table)
        sum = _mm256_i32gather_epi32((const int *)layer->table, _mm256_sub_epi32(sum, low), 4);
    if (layer->wide_out) {
        int32_t few[8];
        _mm256_storeu_si256((__m256i *)few, sum);
        memcpy((int32_t *)y + y_at + o, few, 4 * (count < 8 ? count : 8));
    } else {
        __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        if (count >= 8)
            _mm_storeu_si128((__m128i *)((int16_t *)y + y_at + o), narrow);
        else {
            int16_t few[8];
            _mm_storeu_si128((__m128i *)few, narrow);
            memcpy((int16_t *)y + y_at + o, few, 2 * count);
        }
    }
}

/* R rows by 16 outputs at a time: 2 R sums stay in registers. */
#define ROWS_AVX2(R)                                                                                      \
    __attribute__((target("avx2"))) static inline void rows_avx2_##R(                                     \
        const layer_t *layer, int pairs, const int16_t *x, int64_t x_stride, const int16_t *block,       \
        const int32_t *bias, const int32_t *shift, int first, int count, const void *skipped,            \
        int wide_skip, int64_t skip_stride, int64_t r, void *y, int64_t y_stride)                        \
    {                                                                                                     \
        __m256i sums[R][2];                                                                               \
        for (int i = 0; i < R; i++) {                                                                     \
            sums[i][0] = _mm256_loadu_si256((const __m256i *)bias);                                       \
            sums[i][1] = _mm256_loadu_si256((const __m256i *)(bias + 8));                                 \
        }                                                                                                 \
        for (int p = 0; p < pairs; p++) {                                                                 \
            __m256i w0 = _mm256_loadu_si256((const __m256i *)(block + 2 * BLOCK * p));                    \
            __m256i w1 = _mm256_loadu_si256((const __m256i *)(block + 2 * BLOCK * p + BLOCK));            \
            for (int i = 0; i < R; i++) {                                                                 \
                int32_t pair;                                                                             \
                memcpy(&pair, x + (r + i) * x_stride + 2 * p, 4);                                         \
                __m256i v = _mm256_set1_epi32(pair);                                                      \
                sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(v, w0));                      \
                sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(v, w1));                      \
            }                                                                                             \
        }                                                                                                 \
        __m256i s0 = _mm256_loadu_si256((const __m256i *)shift);                                          \
        __m256i s1 = _mm256_loadu_si256((const __m256i *)(shift + 8));                                    \
        for (int i = 0; i < R; i++) {                                                                     \
            int64_t at = (r + i) * y_stride, skip_at = (r + i) * skip_stride;                             \
            finish8(layer, sums[i][0], s0, first, count, skipped, wide_skip, skip_at, y, at);             \
            if (count > 8)                                                                                \
                finish8(layer, sums[i][1], s1, first + 8, count - 8, skipped, wide_skip, skip_at, y, at); \
        }                                                                                                 \
    }
ROWS_AVX2(5)
ROWS_AVX2(1)

__attribute__((target("avx2"))) static void dense_avx2(const layer_t *layer, int64_t n, const int16_t *x,
                                                       int64_t x_stride, const void *skipped, int wide_skip,
                                                       int64_t skip_stride, void *y, int64_t y_stride)
{
    int pairs = (layer->inputs + 1) / 2;
    for (int first = 0; first < layer->outputs; first += BLOCK) {
        const int16_t *block = layer->packed + (int64_t)first * pairs * 2;
        int count = layer->outputs - first < BLOCK ? layer->outputs - first : BLOCK;
        int32_t bias[BLOCK] = {0}, shift[BLOCK] = {0};
        for (int o = 0; o < count; o++) {
            bias[o] = (int32_t)layer->bias[first + o];
            shift[o] = layer->shift[first + o];
        }
        int64_t r = 0;
        for (; r + 5 <= n; r += 5)
            rows_avx2_5(layer, pairs, x, x_stride, block, bias, shift, first, count, skipped, wide_skip,
                        skip_stride, r, y, y_stride);
        for (; r < n; r++)
            rows_avx2_1(layer, pairs, x, x_stride, block, bias, shift, first, count, skipped, wide_skip,
                        skip_stride, r, y, y_stride);
    }
}
#endif

static void dense(int path, const layer_t *layer, int64_t n, const void *x, int64_t x_stride,
                  const void *skipped, int wide_skip, int64_t skip_stride, void *y, int64_t y_stride)
{
    if (layer->wide_in || layer->wide_sum)
        dense_wide(layer, n, x, x_stride, skipped, wide_skip, skip_stride, y, y_stride);
#ifdef X86
    else if (path >= AVX2)
        dense_avx2(layer, n, x, x_stride, skipped, wide_skip, skip_stride, y, y_stride);
#endif
    else
        dense_portable(layer, n, x, x_stride, skipped, wide_skip, skip_stride, y, y_stride);
}

/* Activations of a batch of rows: one buffer a layer, rows padded to an even length. */
typedef struct {
    void *data[MAX_LAYERS + 1];
    int64_t stride[MAX_LAYERS + 1]; /* values a row */
    void *gathered;                 /* windows of one row */
    void *memory;
} buffers_t;

static int buffers_open(buffers_t *b, const layer_t *layers, int count, int64_t rows)
{
    int64_t size[MAX_LAYERS + 1], total = 0, most = 0;
    b->stride[0] = padded(layers[0].height ? layers[0].height * layers[0].width * layers[0].channels
                                           : layers[0].inputs, BLOCK);
    size[0] = b->stride[0] * rows * (layers[0].wide_in ? 4 : 2);
    for (int i = 0; i < count; i++) {
        b->stride[i + 1] = padded(layers[i].outputs * layers[i].windows, BLOCK);
        size[i + 1] = b->stride[i + 1] * rows * (layers[i].wide_out ? 4 : 2);
        int64_t g = layers[i].height ? (int64_t)layers[i].windows * padded(layers[i].inputs, 2) * 4 : 0;
        most = g > most ? g : most;
    }
    for (int i = 0; i <= count; i++)
        total += size[i] = (size[i] + 63) / 64 * 64;
    b->memory = calloc(1, total + most + 64);
    if (!b->memory)
        return NO_MEMORY;
    char *at = b->memory;
    for (int i = 0; i <= count; i++, at += size[i - 1])
        b->data[i] = at;
    b->gathered = at;
    return 0;
}

/* Copy the windows of one image to rows of `out`; returns nothing that is not in the image. */
static void gather(const layer_t *l, const void *x, int64_t at, void *out)
{
    int rows = (l->height - l->size) / l->step + 1, columns = (l->width - l->size) / l->step + 1;
    int bytes = l->wide_in ? 4 : 2;
    int64_t line = (int64_t)l->size * l->channels * bytes, stride = (int64_t)padded(l->inputs, 2) * bytes;
    char *to = out;
    for (int wy = 0; wy < rows; wy++)
        for (int wx = 0; wx < columns; wx++, to += stride)
            for (int dy = 0; dy < l->size; dy++) {
                int64_t pixel = (int64_t)(wy * l->step + dy) * l->width + wx * l->step;
                memcpy(to + dy * line, (const char *)x + (at + pixel * l->channels) * bytes, line);
            }
}

static void run(int path, const layer_t *layers, int count, buffers_t *b, int64_t n)
{
    for (int i = 0; i < count; i++) {
        const layer_t *l = layers + i;
        const void *x = b->data[i], *skipped = l->skip ? b->data[i + 1 - l->skip] : NULL;
        int wide_skip = l->skip ? layers[i - l->skip].wide_out : 0;
        int64_t skip_stride = l->skip ? b->stride[i + 1 - l->skip] : 0;
        if (!l->height) {
            dense(path, l, n, x, b->stride[i], skipped, wide_skip, skip_stride, b->data[i + 1], b->stride[i + 1]);
            continue;
        }
        int in_bytes = wide_skip ? 4 : 2, out_bytes = l->wide_out ? 4 : 2;
        for (int64_t r = 0; r < n; r++) {
            gather(l, x, r * b->stride[i], b->gathered);
            dense(path, l, l->windows, b->gathered, padded(l->inputs, 2),
                  skipped ? (const char *)skipped + r * skip_stride * in_bytes : NULL, wide_skip, l->outputs,
                  (char *)b->data[i + 1] + r * b->stride[i + 1] * out_bytes, l->outputs);
        }
    }
}

/* Return the version of these functions, which native.py must know. */
EXPORT int32_t digitzip_abi(void) { return 1; }

/* Return the best path of this processor: PORTABLE or AVX2. */
EXPORT int32_t digitzip_best_path(void)
{
#ifdef X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        return AVX2;
#endif
    return PORTABLE;
}

/* Run a network on x, int32 or uint8 [n][inputs]; write out [n][outputs] in the type `kind`. */
EXPORT int32_t digitzip_forward(int32_t path, const layer_t *layers, int32_t count, const void *x, int32_t x_uint8,
                                int64_t n, void *out, int32_t kind)
{
    buffers_t b;
    int64_t inputs = layers[0].height ? (int64_t)layers[0].height * layers[0].width * layers[0].channels
                                      : layers[0].inputs;
    const layer_t *last = layers + count - 1;
    int64_t outputs = (int64_t)last->outputs * last->windows;
    int64_t rows = n < ROWS ? n : ROWS;
    if (n == 0)
        return 0;
    if (buffers_open(&b, layers, count, rows))
        return NO_MEMORY;
    for (int64_t start = 0; start < n; start += rows) {
        int64_t some = n - start < rows ? n - start : rows;
        for (int64_t r = 0; r < some; r++)
            for (int64_t i = 0; i < inputs; i++) {
                int64_t at = (start + r) * inputs + i;
                store(b.data[0], layers[0].wide_in, r * b.stride[0] + i,
                      x_uint8 ? ((const uint8_t *)x)[at] : ((const int32_t *)x)[at]);
            }
        run(path, layers, count, &b, some);
        for (int64_t r = 0; r < some; r++)
            for (int64_t o = 0; o < outputs; o++) {
                int32_t value = load(b.data[count], last->wide_out, r * b.stride[count] + o);
                int64_t at = (start + r) * outputs + o;
                if (kind == OUT_UINT8)
                    ((uint8_t *)out)[at] = (uint8_t)value;
                else if (kind == OUT_FLOAT32)
                    ((float *)out)[at] = (float)value;
                else
                    ((int32_t *)out)[at] = value;
            }
    }
    free(b.memory);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * rANS
 */

enum { WORD = 16 };
#define LEAST ((uint32_t)1 << WORD)

/* Encode symbols, last to first. Symbol i of `total` has the slots start[i] to end[i] - 1 and goes to
 * lane[i]. Words are written backwards from words + total; returns how many there are. */
static int64_t encode_symbols(const int32_t *start, const int32_t *end, const int32_t *lane, int64_t total,
                              int bits, uint32_t *states, uint16_t *words)
{
    int64_t at = total;
    for (int64_t i = total - 1; i >= 0; i--) {
        uint32_t size = (uint32_t)(end[i] - start[i]), state = states[lane[i]];
        if (state >= (uint64_t)size << (32 - bits)) {
            words[--at] = (uint16_t)state;
            state >>= WORD;
        }
        states[lane[i]] = ((state / size) << bits) + state % size + (uint32_t)start[i];
    }
    return total - at;
}

EXPORT int64_t digitzip_rans_encode(const int32_t *start, const int32_t *end, const int64_t *rounds, int64_t count,
                                    int32_t lanes, int32_t bits, uint32_t *states, uint16_t *words)
{
    int64_t total = 0;
    for (int64_t k = 0; k < count; k++)
        total += rounds[k];
    int32_t *lane = malloc((total ? total : 1) * sizeof *lane);
    if (!lane)
        return NO_MEMORY;
    for (int64_t k = 0, i = 0; k < count; k++)
        for (int64_t j = 0; j < rounds[k]; j++, i++)
            lane[i] = (int32_t)(j % lanes);
    for (int32_t l = 0; l < lanes; l++)
        states[l] = LEAST;
    int64_t used = encode_symbols(start, end, lane, total, bits, states, words);
    free(lane);
    return used;
}

/* Decode n symbols by CDFs [n][width]; returns the words used, or DAMAGED where they end early. */
EXPORT int64_t digitzip_rans_take(const int64_t *cdf, int64_t n, int64_t width, int32_t lanes, int32_t bits,
                                  uint32_t *states, const uint16_t *words, int64_t count, int64_t *symbols)
{
    int64_t used = 0;
    uint32_t mask = ((uint32_t)1 << bits) - 1;
    for (int64_t i = 0; i < n; i++) {
        const int64_t *row = cdf + i * width;
        uint32_t state = states[i % lanes];
        int64_t slot = state & mask, low = 0, high = width - 1;
        while (high - low > 1) {
            int64_t middle = (low + high) / 2;
            if (row[middle] <= slot)
                low = middle;
            else
                high = middle;
        }
        uint64_t next = (uint64_t)(row[low + 1] - row[low]) * (state >> bits) + (uint64_t)(slot - row[low]);
        if (next < LEAST) {
            if (used == count)
                return DAMAGED;
            next = next << WORD | words[used++];
        }
        states[i % lanes] = (uint32_t)next;
        symbols[i] = low;
    }
    return used;
}

/* ------------------------------------------------------------------------------------------------
 * Residuals
 */

enum { VALUES = 256, CAUSAL = 5, NEAR = 3, FAINT = 8, SHARED = (1 << 16) - VALUES };
enum { CAUSAL_SIZE = CAUSAL * (2 * CAUSAL + 2), NEAR_SIZE = (2 * NEAR + 1) * (2 * NEAR + 1) };
enum { CONTEXT = CAUSAL_SIZE + NEAR_SIZE };

/* Return the slot at which value v begins, where weights before it sum to `below`. */
static inline uint32_t slot_of(uint64_t below, uint64_t total, int v)
{
    return (uint32_t)(below * SHARED / total) + (uint32_t)v;
}

/* Sum weights [256]; sums[v] are those before v. Without any weight the last value has one. */
static void accumulate(const int32_t *weights, uint32_t *sums)
{
    uint32_t sum = 0;
    for (int v = 0; v < VALUES; v++) {
        sums[v] = sum;
        sum += (uint32_t)weights[v];
    }
    sums[VALUES] = sum ? sum : 1;
}

/* Values of the same step as v: first, last, and the final pixel that they give. */
static void step_of(int v, int recon, int bound, int *first, int *last, int *final)
{
    int step = 2 * bound + 1, away = v - recon + bound;
    int steps = away >= 0 ? away / step : -((step - 1 - away) / step);
    int centre = recon + steps * step;
    *first = centre - bound < 0 ? 0 : centre - bound;
    *last = centre + bound > 255 ? 255 : centre + bound;
    *final = centre < 0 ? 0 : centre > 255 ? 255 : centre;
}

typedef struct {
    int path, count, height, width;
    const layer_t *layers;
    int64_t n;
    const uint8_t *recon, *bounds; /* [n][height][width], [n] */
    uint8_t *final;                /* padded by CAUSAL on all sides */
    uint8_t *near;                 /* reconstructions without faint pixels, padded by NEAR */
    buffers_t buffers;
    int64_t *busy;                 /* rows of images whose context has ink */
    int32_t *weights;              /* [n][256] */
    int32_t *blank;                /* [128][256]: weights of a blank context by bound, or unset */
    uint8_t has_blank[128];
} residuals_t;

static void residuals_close(residuals_t *s)
{
    free(s->final);
    free(s->near);
    free(s->busy);
    free(s->weights);
    free(s->blank);
    free(s->buffers.memory);
}

static int residuals_open(residuals_t *s)
{
    int64_t h = s->height, w = s->width, n = s->n;
    int64_t wide = w + 2 * CAUSAL, narrow = w + 2 * NEAR;
    s->final = calloc(n, (h + 2 * CAUSAL) * wide);
    s->near = calloc(n, (h + 2 * NEAR) * narrow);
    s->busy = malloc(n * sizeof *s->busy);
    s->weights = malloc(n * VALUES * sizeof *s->weights);
    s->blank = malloc(128 * VALUES * sizeof *s->blank);
    s->buffers.memory = NULL;
    if (!s->final || !s->near || !s->busy || !s->weights || !s->blank ||
        buffers_open(&s->buffers, s->layers, s->count, n < ROWS ? n : ROWS)) {
        residuals_close(s);
        return NO_MEMORY;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                uint8_t p = s->recon[(i * h + y) * w + x];
                s->near[(i * (h + 2 * NEAR) + y + NEAR) * narrow + x + NEAR] = p < FAINT ? 0 : p;
            }
    return 0;
}

static uint8_t *final_at(const residuals_t *s, int64_t image, int position)
{
    int64_t wide = s->width + 2 * CAUSAL;
    int64_t y = position / s->width, x = position % s->width;
    return s->final + (image * (s->height + 2 * CAUSAL) + y + CAUSAL) * wide + x + CAUSAL;
}

/* Write the inputs of the residual network for one pixel; returns whether its context has ink. */
static int context_of(const residuals_t *s, int64_t image, int position, int16_t *in)
{
    int64_t wide = s->width + 2 * CAUSAL, narrow = s->width + 2 * NEAR;
    int64_t y = position / s->width, x = position % s->width;
    const uint8_t *c = final_at(s, image, position) - CAUSAL * wide - CAUSAL;
    int ink = 0, k = 0;
    for (int dy = 0; dy < CAUSAL; dy++, c += wide)
        for (int dx = 0; dx < 2 * CAUSAL + 1; dx++)
            ink |= in[k++] = c[dx];
    for (int dx = 0; dx < CAUSAL; dx++)
        ink |= in[k++] = c[dx];
    const uint8_t *r = s->near + (image * (s->height + 2 * NEAR) + y) * narrow + x;
    for (int dy = 0; dy < 2 * NEAR + 1; dy++, r += narrow)
        for (int dx = 0; dx < 2 * NEAR + 1; dx++)
            ink |= in[k++] = r[dx];
    memset(in + k, 0, (s->height + s->width) * sizeof *in);
    in[k + y] = in[k + s->height + x] = 255;
    in[k + s->height + s->width] = s->bounds[image];
    return ink != 0;
}

static const void *run_rows(residuals_t *s, int64_t rows)
{
    run(s->path, s->layers, s->count, &s->buffers, rows);
    return s->buffers.data[s->count];
}

/* Weigh the values of one position in all images. */
static void weigh(residuals_t *s, int position)
{
    int64_t stride = s->buffers.stride[0], most = s->n < ROWS ? s->n : ROWS, pending = 0;
    int wide = s->layers[s->count - 1].wide_out;
    int16_t *in = s->buffers.data[0];
    memset(s->has_blank, 0, sizeof s->has_blank);
    for (int64_t i = 0; i < s->n; i++) {
        int bound = s->bounds[i];
        int ink = context_of(s, i, position, in + pending * stride);
        if (!ink && s->has_blank[bound]) {
            memcpy(s->weights + i * VALUES, s->blank + bound * VALUES, VALUES * sizeof(int32_t));
        } else {
            s->busy[pending++] = i;
            if (!ink)
                s->has_blank[bound] = 2; /* to be filled when it is weighed */
        }
        int wait = !ink && s->has_blank[bound] == 2;
        if (pending == most || wait || (i == s->n - 1 && pending)) {
            const void *out = run_rows(s, pending);
            for (int64_t k = 0; k < pending; k++)
                for (int v = 0; v < VALUES; v++)
                    s->weights[s->busy[k] * VALUES + v] =
                        load(out, wide, k * s->buffers.stride[s->count] + v);
            pending = 0;
        }
        if (wait) {
            memcpy(s->blank + bound * VALUES, s->weights + i * VALUES, VALUES * sizeof(int32_t));
            s->has_blank[bound] = 1;
        }
    }
}

/* Encode final pixels [n][height][width] against reconstructions; returns the words written backwards
 * from words + n * height * width, or NO_MEMORY. */
EXPORT int64_t digitzip_encode_residuals(int32_t path, const layer_t *layers, int32_t count, int64_t n,
                                         int32_t height, int32_t width, const uint8_t *final,
                                         const uint8_t *recon, const uint8_t *bounds, int32_t lanes,
                                         uint32_t *states, uint16_t *words)
{
    residuals_t s = {.path = path, .count = count, .height = height, .width = width, .layers = layers,
                     .n = n, .recon = recon, .bounds = bounds};
    int64_t pixels = (int64_t)height * width, total = n * pixels;
    int32_t *symbols = malloc(total * 3 * sizeof *symbols);
    if (!symbols || residuals_open(&s)) {
        free(symbols);
        return NO_MEMORY;
    }
    int32_t *start = symbols, *end = symbols + total, *lane = symbols + 2 * total;
    for (int64_t i = 0; i < n; i++)
        for (int p = 0; p < pixels; p++)
            *final_at(&s, i, p) = final[i * pixels + p];
    for (int p = 0; p < pixels; p++) {
        weigh(&s, p);
        for (int64_t i = 0; i < n; i++) {
            uint32_t sums[VALUES + 1];
            int first, last, value;
            accumulate(s.weights + i * VALUES, sums);
            step_of(final[i * pixels + p], recon[i * pixels + p], bounds[i], &first, &last, &value);
            int64_t at = p * n + i;
            start[at] = (int32_t)slot_of(sums[first], sums[VALUES], first);
            end[at] = (int32_t)slot_of(sums[last + 1], sums[VALUES], last + 1);
            lane[at] = (int32_t)(i % lanes);
        }
    }
    for (int32_t l = 0; l < lanes; l++)
        states[l] = LEAST;
    int64_t used = encode_symbols(start, end, lane, total, 16, states, words);
    free(symbols);
    residuals_close(&s);
    return used;
}

/* Decode final pixels [n][height][width]; returns the words used, DAMAGED or NO_MEMORY. */
EXPORT int64_t digitzip_decode_residuals(int32_t path, const layer_t *layers, int32_t count, int64_t n,
                                         int32_t height, int32_t width, const uint8_t *recon,
                                         const uint8_t *bounds, int32_t lanes, uint32_t *states,
                                         const uint16_t *words, int64_t word_count, uint8_t *final)
{
    residuals_t s = {.path = path, .count = count, .height = height, .width = width, .layers = layers,
                     .n = n, .recon = recon, .bounds = bounds};
    int64_t pixels = (int64_t)height * width, used = 0;
    if (residuals_open(&s))
        return NO_MEMORY;
    for (int p = 0; p < pixels; p++) {
        weigh(&s, p);
        for (int64_t i = 0; i < n; i++) {
            uint32_t sums[VALUES + 1], state = states[i % lanes], slot = state & 0xFFFF;
            accumulate(s.weights + i * VALUES, sums);
            int low = 0, high = VALUES;
            while (high - low > 1) {
                int middle = (low + high) / 2;
                if (slot_of(sums[middle], sums[VALUES], middle) <= slot)
                    low = middle;
                else
                    high = middle;
            }
            int first, last, value;
            step_of(low, recon[i * pixels + p], bounds[i], &first, &last, &value);
            uint32_t a = slot_of(sums[first], sums[VALUES], first);
            uint32_t b = slot_of(sums[last + 1], sums[VALUES], last + 1);
            uint64_t next = (uint64_t)(b - a) * (state >> 16) + slot - a;
            if (next < LEAST) {
                if (used == word_count) {
                    residuals_close(&s);
                    return DAMAGED;
                }
                next = next << WORD | words[used++];
            }
            states[i % lanes] = (uint32_t)next;
            *final_at(&s, i, p) = (uint8_t)value;
            final[i * pixels + p] = (uint8_t)value;
        }
    }
    residuals_close(&s);
    return used;
}
