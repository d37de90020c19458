/* coding.c: rANS and the context coding of residuals, included by native.c.
 *
 * 1. rANS (docs/FORMAT.md, section 4.1): states of 32 bits, words of 16 bits, lanes in turn.
 *
 * 2. Residuals (docs/FORMAT.md, section 4.2): for each position of the images of a chunk, the residual
 *    network weighs the 256 values of the pixel of each image from its context.
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
    uint8_t *inputs;               /* of the network for one pixel */
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
    free(s->inputs);
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
    s->inputs = malloc(CONTEXT + h + w + 1);
    s->busy = malloc(n * sizeof *s->busy);
    s->weights = malloc(n * VALUES * sizeof *s->weights);
    s->blank = malloc(128 * VALUES * sizeof *s->blank);
    s->buffers.memory = NULL;
    if (!s->final || !s->near || !s->inputs || !s->busy || !s->weights || !s->blank ||
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
static int context_of(const residuals_t *s, int64_t image, int position)
{
    int64_t wide = s->width + 2 * CAUSAL, narrow = s->width + 2 * NEAR;
    int64_t y = position / s->width, x = position % s->width;
    const uint8_t *c = final_at(s, image, position) - CAUSAL * wide - CAUSAL;
    const uint8_t *r = s->near + (image * (s->height + 2 * NEAR) + y) * narrow + x;
    uint8_t *to = s->inputs;
    int ink = 0;
    for (int dy = 0; dy < CAUSAL; dy++, c += wide, to += 2 * CAUSAL + 1)
        memcpy(to, c, 2 * CAUSAL + 1);
    memcpy(to, c, CAUSAL);
    to += CAUSAL;
    for (int dy = 0; dy < 2 * NEAR + 1; dy++, r += narrow, to += 2 * NEAR + 1)
        memcpy(to, r, 2 * NEAR + 1);
    for (int k = 0; k < CONTEXT; k++)
        ink |= s->inputs[k];
    memset(to, 0, s->height + s->width);
    to[y] = to[s->height + x] = 255;
    to[s->height + s->width] = s->bounds[image];
    return ink != 0;
}

/* Weigh the values of the pending pixels, whose inputs are in the first buffer. */
static void weigh_pending(residuals_t *s, int64_t pending)
{
    const buffers_t *b = &s->buffers;
    run(s->path, s->layers, s->count, &s->buffers, pending);
    for (int64_t k = 0; k < pending; k++)
        copy_out(s->weights + s->busy[k] * VALUES, OUT_INT32, b->data[s->count] + k * b->stride[s->count],
                 s->layers[s->count - 1].out_size, VALUES);
}

/* Weigh the values of one position in all images. */
static void weigh(residuals_t *s, int position)
{
    int64_t most = s->n < ROWS ? s->n : ROWS, pending = 0;
    const buffers_t *b = &s->buffers;
    memset(s->has_blank, 0, sizeof s->has_blank);
    for (int64_t i = 0; i < s->n; i++) {
        int bound = s->bounds[i], ink = context_of(s, i, position);
        if (!ink && s->has_blank[bound]) {
            memcpy(s->weights + i * VALUES, s->blank + bound * VALUES, VALUES * sizeof(int32_t));
            continue;
        }
        copy_in(b->data[0] + pending * b->stride[0], s->layers[0].in_size, s->inputs, 1, s->layers[0].inputs);
        s->busy[pending++] = i;
        if (!ink || pending == most) {
            weigh_pending(s, pending);
            pending = 0;
        }
        if (!ink) {
            memcpy(s->blank + bound * VALUES, s->weights + i * VALUES, VALUES * sizeof(int32_t));
            s->has_blank[bound] = 1;
        }
    }
    weigh_pending(s, pending);
}

/* Return the sum of weights from `first` to `last`. */
static uint32_t sum_of(const int32_t *weights, int first, int last)
{
    uint32_t sum = 0;
    for (int v = first; v <= last; v++)
        sum += (uint32_t)weights[v];
    return sum;
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
            const int32_t *weights = s.weights + i * VALUES;
            int first, last, value;
            step_of(final[i * pixels + p], recon[i * pixels + p], bounds[i], &first, &last, &value);
            int64_t at = p * n + i;
            uint32_t below = sum_of(weights, 0, first - 1), until = below + sum_of(weights, first, last);
            uint32_t total_weight = until + sum_of(weights, last + 1, VALUES - 1);
            if (!total_weight) /* the last value has a weight, where none has */
                total_weight = 1, until = last == VALUES - 1;
            start[at] = (int32_t)slot_of(below, total_weight, first);
            end[at] = (int32_t)slot_of(until, total_weight, last + 1);
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
