namespace InverseSolver.Diffusion;

/// <summary>
/// Mirrors images outward to a multiple of a size and crops them back. The mirror does not repeat the edge pixel. Of an odd number of missing rows the
/// extra one goes below (to the right). Where more is missing than the image has, the mirrored image is mirrored again.
/// </summary>
public static class ImagePadding
{
    /// <summary>The next multiple at or above a size.</summary>
    public static int Padded(int size, int multiple)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        return checked((size + multiple - 1) / multiple * multiple);
    }

    /// <summary>(N, C, H, W) to the next multiples of H and W. The argument itself comes back where nothing is missing.</summary>
    public static Tensor Pad(Tensor x, int multiple)
    {
        Tensor rows = PadOne(x, 2, multiple);
        Tensor both = PadOne(rows, 3, multiple);
        if (!ReferenceEquals(rows, x) && !ReferenceEquals(rows, both))
        {
            rows.Dispose();
        }

        return both;
    }

    /// <summary>The middle of a padded image, as <see cref="Pad"/> placed it. The argument itself comes back where nothing is to be cut.</summary>
    public static Tensor Crop(Tensor x, int height, int width)
    {
        long extraRows = x.size(2) - height, extraColumns = x.size(3) - width;
        if (extraRows == 0 && extraColumns == 0)
        {
            return x;
        }

        using Tensor rows = x.narrow(2, extraRows / 2, height);
        return rows.narrow(3, extraColumns / 2, width);
    }

    private static Tensor PadOne(Tensor x, int dim, int multiple)
    {
        int size = checked((int)x.size(dim)), padded = Padded(size, multiple);
        if (padded == size)
        {
            return x;
        }

        using Tensor index = torch.copy_of([.. Enumerable.Range(0, padded).Select(i => Mirrored(i - (padded - size) / 2, size))]);
        using Tensor there = index.to(x.device);
        return x.index_select(dim, there);
    }

    // Position i of the endless zigzag 0, 1, …, n-1, n-2, …, 1, 0, 1, …
    private static long Mirrored(int i, int n)
    {
        if (n == 1)
        {
            return 0;
        }

        int period = 2 * (n - 1), place = (i % period + period) % period;
        return Math.Min(place, period - place);
    }
}
