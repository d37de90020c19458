/* coding.c: rANS and the context coding of residuals, included by native.c.
 *
 * 1. rANS (docs/FORMAT.md, section 4.1): states of 32 bits, words of 16 bits, lanes in turn.
 *
 * 2. Residuals (docs/FORMAT.md, section 4.2): for each position of the images of a chunk, the residual
 *    network weighs the 256 values of the pixel of each image from its context.
 */

enum { WORD = 16 };
#define LEAST ((uint32_t)1 << WORD)

/* Encode symbols in rounds, last to first. Symbol i has the slots start[i] to end[i] - 1; in each round
 * symbols are dealt to the lanes in turn. Words are written backwards from the end of words [total];
 * returns how many there are. */
EXPORT int64_t digitzip_rans_encode(const int32_t *start, const int32_t *end, const int64_t *rounds, int64_t count,
                                    int32_t lanes, int32_t bits, uint32_t *states, uint16_t *words)
{
    int64_t total = 0;
    for (int64_t k = 0; k < count; k++)
        total += rounds[k];
    int64_t at = total, i = total - 1;
    for (int32_t l = 0; l < lanes; l++)
        states[l] = LEAST;
    for (int64_t k = count - 1; k >= 0; k--)
        for (int64_t j = rounds[k] - 1, lane = j % lanes; j >= 0; j--, i--) {
            uint32_t size = (uint32_t)(end[i] - start[i]), state = states[lane];
            if (state >= (uint64_t)size << (32 - bits)) {
                words[--at] = (uint16_t)state;
                state >>= WORD;
            }
            states[lane] = ((state / size) << bits) + state % size + (uint32_t)start[i];
            lane = (lane ? lane : lanes) - 1;
        }
    return total - at;
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

/* Images between two calls. The caller keeps the layers, the reconstructions and the bounds. */
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

EXPORT void digitzip_residuals_close(residuals_t *s)
{
    free(s->final);
    free(s->near);
    free(s->inputs);
    free(s->busy);
    free(s->weights);
    free(s->blank);
    free(s->buffers.memory);
    free(s);
}

/* Return the state for n images, whose final pixels are all 0; NULL where there is no memory. */
EXPORT residuals_t *digitzip_residuals_open(int32_t path, const layer_t *layers, int32_t count, int64_t n,
                                            int32_t height, int32_t width, const uint8_t *recon,
                                            const uint8_t *bounds)
{
    residuals_t *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    *s = (residuals_t){.path = path, .count = count, .height = height, .width = width, .layers = layers,
                       .n = n, .recon = recon, .bounds = bounds};
    int64_t h = height, w = width;
    int64_t wide = w + 2 * CAUSAL, narrow = w + 2 * NEAR;
    s->final = calloc(n, (h + 2 * CAUSAL) * wide);
    s->near = calloc(n, (h + 2 * NEAR) * narrow);
    s->inputs = malloc(CONTEXT + h + w + 1);
    s->busy = malloc(n * sizeof *s->busy);
    s->weights = malloc(n * VALUES * sizeof *s->weights);
    s->blank = malloc(128 * VALUES * sizeof *s->blank);
    if (!s->final || !s->near || !s->inputs || !s->busy || !s->weights || !s->blank ||
        buffers_open(&s->buffers, s->layers, s->count, n < ROWS ? n : ROWS)) {
        digitzip_residuals_close(s);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t y = 0; y < h; y++)
            for (int64_t x = 0; x < w; x++) {
                uint8_t p = s->recon[(i * h + y) * w + x];
                s->near[(i * (h + 2 * NEAR) + y + NEAR) * narrow + x + NEAR] = p < FAINT ? 0 : p;
            }
    return s;
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

/* Write the slots of the final pixels [n][height][width] at the positions from `from` to `to` - 1:
 * start and end [to - from][n]. Positions are given in order. */
EXPORT void digitzip_encode_positions(residuals_t *s, int32_t from, int32_t to, const uint8_t *final,
                                      int32_t *start, int32_t *end)
{
    int64_t pixels = (int64_t)s->height * s->width;
    for (int p = from; p < to; p++, start += s->n, end += s->n) {
        weigh(s, p);
        for (int64_t i = 0; i < s->n; i++) {
            const int32_t *weights = s->weights + i * VALUES;
            int first, last, value;
            step_of(final[i * pixels + p], s->recon[i * pixels + p], s->bounds[i], &first, &last, &value);
            uint32_t below = sum_of(weights, 0, first - 1), until = below + sum_of(weights, first, last);
            uint32_t total = until + sum_of(weights, last + 1, VALUES - 1);
            if (!total) /* the last value has a weight, where none has */
                total = 1, until = last == VALUES - 1;
            start[i] = (int32_t)slot_of(below, total, first);
            end[i] = (int32_t)slot_of(until, total, last + 1);
            *final_at(s, i, p) = final[i * pixels + p];
        }
    }
}

/* Decode the final pixels [n][height][width] at the positions from `from` to `to` - 1; returns the words
 * used, or DAMAGED. Positions are given in order. */
EXPORT int64_t digitzip_decode_positions(residuals_t *s, int32_t from, int32_t to, int32_t lanes,
                                         uint32_t *states, const uint16_t *words, int64_t word_count,
                                         uint8_t *final)
{
    int64_t pixels = (int64_t)s->height * s->width, used = 0;
    for (int p = from; p < to; p++) {
        weigh(s, p);
        for (int64_t i = 0; i < s->n; i++) {
            uint32_t sums[VALUES + 1], state = states[i % lanes], slot = state & 0xFFFF;
            accumulate(s->weights + i * VALUES, sums);
            int low = 0, high = VALUES;
            while (high - low > 1) {
                int middle = (low + high) / 2;
                if (slot_of(sums[middle], sums[VALUES], middle) <= slot)
                    low = middle;
                else
                    high = middle;
            }
            int first, last, value;
            step_of(low, s->recon[i * pixels + p], s->bounds[i], &first, &last, &value);
            uint32_t a = slot_of(sums[first], sums[VALUES], first);
            uint32_t b = slot_of(sums[last + 1], sums[VALUES], last + 1);
            uint64_t next = (uint64_t)(b - a) * (state >> 16) + slot - a;
            if (next < LEAST) {
                if (used == word_count)
                    return DAMAGED;
                next = next << WORD | words[used++];
            }
            states[i % lanes] = (uint32_t)next;
            *final_at(s, i, p) = (uint8_t)value;
            final[i * pixels + p] = (uint8_t)value;
        }
    }
    return used;
}
