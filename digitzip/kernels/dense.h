/* dense.h: a layer by multiply-adds on vectors. native.c includes it once for each instruction set,
 * so that all of them run the same lines. Before it defines
 *
 *     ISA TARGET V LANES           name, target attribute, vector of LANES int32
 *     LOAD STORE SET1 ADD SUB MIN MAX SRA GATHER  on int32 lanes
 *     LOAD16 LOAD8U STORE16 STORE8 lanes from and to int16 and uint8
 *     WIDEN                        2 LANES int8 as int16
 *     DOT_PAIRS DOT_QUADS          sum + products of pairs of int16, of quads of uint8 and int8
 *
 * A group is 4 bytes of an input row: a pair of int16, or a quad of uint8. One broadcast brings a
 * group to all lanes, and one multiply-add adds its products to the sums of LANES outputs.
 */

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define FN(name) JOIN(name, ISA)

/* Add the skipped outputs to LANES sums, clip them, look them up, and store the first `count`. */
TARGET static inline void FN(finish)(const dense_t *d, V sum, V shift, int64_t r, int o, int count)
{
    const layer_t *l = d->layer;
    char few[4 * LANES] = {0};
    int whole = count >= LANES;
    sum = SRA(sum, shift);
    if (d->skipped) {
        const char *s = d->skipped + r * d->skip_stride + (int64_t)o * d->skip_size;
        if (!whole)
            s = memcpy(few, s, (size_t)count * d->skip_size);
        sum = ADD(sum, d->skip_size == 4 ? LOAD(s) : d->skip_size == 2 ? LOAD16(s) : LOAD8U(s));
    }
    V low = SET1(l->low);
    sum = MIN(MAX(sum, low), SET1(l->high));
    if (l->table)
        sum = GATHER(l->table, SUB(sum, low));
    char *y = d->y + r * d->y_stride + (int64_t)o * l->out_size, *to = whole ? y : few;
    if (l->out_size == 4)
        STORE(to, sum);
    else if (l->out_size == 2)
        STORE16(to, sum);
    else
        STORE8(to, sum);
    if (!whole)
        memcpy(y, few, (size_t)count * l->out_size);
}

/* Outputs first ... first + vectors * LANES - 1 of rows r ... r + rows - 1; all sums stay in registers.
 * With a list, of one row, only the `groups` groups in it are not zero. */
TARGET INLINE void FN(tile)(const dense_t *d, const int kind, const int rows, const int vectors, int64_t r,
                            int first, const uint32_t *list, int64_t groups)
{
    const layer_t *l = d->layer;
    const int step = kind == PAIRS8 ? 2 * BLOCK : 4 * BLOCK; /* bytes of a group of a block of weights */
    const char *x = d->x + r * d->x_stride, *w[4];
    V sums[ROWS_OF_TILE][4];
    int32_t bias[4 * LANES] = {0}, shift[4 * LANES] = {0}, found[ROWS_OF_TILE][4 * LANES];
    for (int o = 0; o < vectors * LANES && first + o < l->outputs; o++) {
        bias[o] = (int32_t)l->bias[first + o];
        shift[o] = l->shift[first + o];
    }
    UNROLL
    for (int v = 0; v < vectors; v++) {
        int o = first + v * LANES < l->outputs ? first + v * LANES : first; /* none left: any weights */
        w[v] = l->packed + (int64_t)(o / BLOCK) * l->groups * step + o % BLOCK * (step / BLOCK);
        UNROLL
        for (int i = 0; i < rows; i++)
            sums[i][v] = LOAD(bias + v * LANES);
    }
    for (int64_t k = 0; k < groups; k++) {
        int64_t g = list ? list[k] : k;
        V weights[4];
        UNROLL
        for (int v = 0; v < vectors; v++)
            weights[v] = kind == PAIRS8 ? WIDEN(w[v] + g * step) : LOAD(w[v] + g * step);
        UNROLL
        for (int i = 0; i < rows; i++) {
            int32_t group;
            memcpy(&group, x + i * d->x_stride + 4 * g, 4);
            V all = SET1(group);
            UNROLL
            for (int v = 0; v < vectors; v++)
                sums[i][v] = kind == QUADS ? DOT_QUADS(sums[i][v], all, weights[v])
                                           : DOT_PAIRS(sums[i][v], all, weights[v]);
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
        for (int v = 0; v < vectors; v++)
            STORE(found[i] + v * LANES, sums[i][v]);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors && first + v * LANES < l->outputs; v++)
            FN(finish)(d, LOAD(found[i] + v * LANES), LOAD(shift + v * LANES), r + i, first + v * LANES,
                       l->outputs - first - v * LANES);
}

TARGET INLINE void FN(tiles)(const dense_t *d, const int kind)
{
    const layer_t *l = d->layer;
    if (d->lists) {
        for (int first = 0; first < l->outputs; first += 4 * LANES)
            for (int64_t r = 0; r < d->n; r++)
                FN(tile)(d, kind, 1, 4, r, first, d->lists + r * l->groups, d->lengths[r]);
        return;
    }
    for (int first = 0; first < l->outputs; first += 2 * LANES) {
        int64_t r = 0;
        for (; r + ROWS_OF_TILE <= d->n; r += ROWS_OF_TILE)
            FN(tile)(d, kind, ROWS_OF_TILE, 2, r, first, NULL, l->groups);
        for (; r + 2 <= d->n; r += 2)
            FN(tile)(d, kind, 2, 2, r, first, NULL, l->groups);
        if (r < d->n)
            FN(tile)(d, kind, 1, 2, r, first, NULL, l->groups);
    }
}

TARGET static void FN(dense)(const dense_t *d)
{
    if (d->layer->kind == PAIRS)
        FN(tiles)(d, PAIRS);
    else if (d->layer->kind == PAIRS8)
        FN(tiles)(d, PAIRS8);
    else
        FN(tiles)(d, QUADS);
}

#undef JOIN2
#undef JOIN
#undef FN
#undef ISA
#undef TARGET
#undef V
#undef LANES
#undef LOAD
#undef STORE
#undef SET1
#undef ADD
#undef SUB
#undef MIN
#undef MAX
#undef SRA
#undef GATHER
#undef LOAD16
#undef LOAD8U
#undef STORE16
#undef STORE8
#undef WIDEN
#undef DOT_PAIRS
#undef DOT_QUADS
