using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>Halves the size with a strided convolution. Padding 0 means one zero row below and one zero column to the right.</summary>
internal sealed class Downsample2D(WeightScope w, int channels, int padding)
{
    private readonly Conv2d _conv = new(w.At("conv"), channels, channels, 3, stride: 2, padding);

    internal Tensor Forward(Tensor x)
    {
        if (padding != 0)
        {
            return _conv.Forward(x);
        }

        using Tensor padded = pad_below_and_right(x);
        return _conv.Forward(padded);
    }
}

/// <summary>Doubles the size by repeating pixels, then convolves.</summary>
internal sealed class Upsample2D(WeightScope w, int channels)
{
    private readonly Conv2d _conv = new(w.At("conv"), channels, channels, 3, padding: 1);

    /// <param name="x">(N, C, H, W).</param>
    /// <param name="size">Height and width of the result where they are not twice those of x.</param>
    internal Tensor Forward(Tensor x, (long Height, long Width)? size)
    {
        using Tensor large = Nearest(x, size);
        return _conv.Forward(large);
    }

    internal static Tensor Nearest(Tensor x, (long Height, long Width)? size) =>
        upsample_nearest2d(x, size?.Height ?? 2 * x.size(2), size?.Width ?? 2 * x.size(3));
}
