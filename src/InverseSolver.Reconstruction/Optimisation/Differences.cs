namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>D, the forward differences of an image's neighbouring pixels, inside the image only.</summary>
internal static class Differences
{
    /// <summary>D x: down the columns and along the rows, 0 where there is no next pixel.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <returns>(N, 2, C, H, W).</returns>
    internal static Tensor Of(Tensor x)
    {
        return torch.stack([Along(2), Along(3)], 1);

        Tensor Along(int dimension) => x.size(dimension) == 1 ? torch.zeros_like(x) : torch.nn.functional.pad(Inner(x, dimension), After(dimension));
    }

    /// <summary>Dᵀ d.</summary>
    /// <param name="d">(N, 2, C, H, W).</param>
    /// <returns>(N, C, H, W).</returns>
    internal static Tensor Adjoint(Tensor d)
    {
        return Along(d.select(1, 0), 2) + Along(d.select(1, 1), 3);

        static Tensor Along(Tensor g, int dimension) =>
            g.size(dimension) == 1 ? torch.zeros_like(g) : Back(g.narrow(dimension, 0, g.size(dimension) - 1), dimension);
    }

    /// <summary>DᵀD x.</summary>
    /// <param name="x">(N, C, H, W).</param>
    internal static Tensor Normal(Tensor x)
    {
        return Along(2) + Along(3);

        Tensor Along(int dimension) => x.size(dimension) == 1 ? torch.zeros_like(x) : Back(Inner(x, dimension), dimension);
    }

    private static Tensor Inner(Tensor x, int dimension)
    {
        long size = x.size(dimension);
        return x.narrow(dimension, 1, size - 1) - x.narrow(dimension, 0, size - 1);
    }

    private static Tensor Back(Tensor differences, int dimension) =>
        torch.nn.functional.pad(differences, Before(dimension)) - torch.nn.functional.pad(differences, After(dimension));

    private static long[] Before(int dimension) => dimension == 3 ? [1, 0, 0, 0] : [0, 0, 1, 0];

    private static long[] After(int dimension) => dimension == 3 ? [0, 1, 0, 0] : [0, 0, 0, 1];
}
