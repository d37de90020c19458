/* search.c: scores -> costs and CDF tables; the arithmetic of the search. Included by native.c.
 *
 * The tables of exponentials and of borders come from probability.py. Numbers of the search are
 * integers below 2^53, held in double as in NumPy: sums and products are exact in any order.
 */

/* Sum the exponentials of scores [levels] below the largest, which is returned. */
static int32_t sum_scores(const int32_t *scores, int levels, const int32_t *exponentials, int reach, int64_t *sum)
{
    int32_t largest = scores[0];
    for (int v = 1; v < levels; v++)
        largest = scores[v] > largest ? scores[v] : largest;
    *sum = 0;
    for (int v = 0; v < levels; v++)
        *sum += exponentials[largest - scores[v] < reach ? largest - scores[v] : reach];
    return largest;
}

/* Scores [n][levels] -> costs [n][levels]. `exponentials` has reach + 1 entries, `borders` count. */
EXPORT void digitzip_costs(const int32_t *scores, int64_t n, int32_t levels, const int32_t *exponentials,
                           int32_t reach, const int32_t *borders, int32_t count, int32_t *costs)
{
    for (int64_t i = 0; i < n; i++, scores += levels, costs += levels) {
        int64_t sum;
        int32_t largest = sum_scores(scores, levels, exponentials, reach, &sum), low = 0, high = count;
        while (low < high) { /* borders that are not above the sum */
            int32_t middle = (low + high) / 2;
            if (borders[middle] <= sum)
                low = middle + 1;
            else
                high = middle;
        }
        for (int v = 0; v < levels; v++)
            costs[v] = largest - scores[v] + low;
    }
}

/* Scores [n][levels] -> CDF tables [n][levels + 1] from 0 to `total`. */
EXPORT void digitzip_cdf(const int32_t *scores, int64_t n, int32_t levels, const int32_t *exponentials,
                         int32_t reach, int64_t total, int64_t *cdf)
{
    for (int64_t i = 0; i < n; i++, scores += levels, cdf += levels + 1) {
        int64_t sum, below = 0;
        int32_t largest = sum_scores(scores, levels, exponentials, reach, &sum);
        for (int v = 0; v < levels; v++) {
            cdf[v] = below * (total - levels) / sum + v;
            below += exponentials[largest - scores[v] < reach ? largest - scores[v] : reach];
        }
        cdf[levels] = total;
    }
}

/* Squared errors [n] of rows of uint8 [n][pixels]. */
EXPORT void digitzip_squared_errors(const uint8_t *images, const uint8_t *recon, int64_t n, int64_t pixels,
                                    double *errors)
{
    for (int64_t i = 0; i < n; i++, images += pixels, recon += pixels) {
        int32_t sum = 0;
        for (int64_t p = 0; p < pixels; p++) {
            int16_t e = (int16_t)(images[p] - recon[p]);
            sum += e * e;
        }
        errors[i] = sum;
    }
}

static int32_t dot(const int16_t *restrict a, const int16_t *restrict b, int64_t n)
{
    int32_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Half of the change of each pixel with each latent: slopes [n][dims][pixels] from reconstructions one
 * of `steps` [n][dims] away from `here` [n][pixels]; and 4 times their products, [dims][dims][n]. */
EXPORT void digitzip_slopes(const uint8_t *recon, const uint8_t *here, const int16_t *steps, int64_t n,
                            int32_t dims, int64_t pixels, int16_t *slopes, double *curvature)
{
    for (int64_t i = 0; i < n; i++, here += pixels, slopes += dims * pixels)
        for (int j = 0; j < dims; j++, recon += pixels) {
            int16_t *own = slopes + j * pixels, step = steps[i * dims + j];
            for (int64_t p = 0; p < pixels; p++)
                own[p] = (int16_t)(((recon[p] >> 1) - (here[p] >> 1)) * step);
            for (int k = 0; k <= j; k++)
                curvature[(j * dims + k) * n + i] = curvature[(k * dims + j) * n + i] =
                    4.0 * dot(own, slopes + k * pixels, pixels);
        }
}

/* -1/2 of the derivative of the squared error by each latent, [n][dims]; `halves` is [pixels]. */
EXPORT void digitzip_gradient(const int16_t *slopes, const uint8_t *images, const uint8_t *recon, int64_t n,
                              int32_t dims, int64_t pixels, int16_t *halves, double *gradient)
{
    for (int64_t i = 0; i < n; i++, images += pixels, recon += pixels) {
        for (int64_t p = 0; p < pixels; p++)
            halves[p] = (int16_t)((images[p] - recon[p]) / 2);
        for (int j = 0; j < dims; j++, slopes += pixels)
            gradient[i * dims + j] = 4.0 * dot(slopes, halves, pixels);
    }
}
