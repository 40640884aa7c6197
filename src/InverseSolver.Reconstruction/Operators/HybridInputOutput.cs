namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Phase retrieval without a prior: the hybrid input-output algorithm (Fienup, "Phase retrieval algorithms: a comparison", 1982), ended by error reduction.
/// What is known is that the image is nowhere negative and lies within its frame. Several restarts with fixed seeds; laid on the one with the smallest
/// residual, they are averaged: each is wrong elsewhere. The result depends on nothing but the magnitudes.
/// </summary>
internal static class HybridInputOutput
{
    internal const int Restarts = 4;
    private const int Iterations = 400;
    private const int Reductions = 30;
    private const double Feedback = 0.9;

    /// <summary>An image whose padded transform has about the given magnitudes.</summary>
    /// <param name="magnitudes">(rows, columns) of the centred orthonormal transform.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="cancellation">Checked in every iteration.</param>
    /// <returns>(height, width), not negative, anywhere in the frame and either way round.</returns>
    internal static Tensor Solve(Tensor magnitudes, long height, long width, CancellationToken cancellation)
    {
        long[] size = magnitudes.shape;
        Tensor target = Symmetric(magnitudes) * Math.Sqrt(size[0] * size[1]);
        Tensor frame = torch.nn.functional.pad(torch.ones([height, width], device: target.device), [0, size[1] - width, 0, size[0] - height]);
        using var generator = new Generator(0);
        Tensor angle = torch.rand([Restarts, .. target.shape], generator).to(target.device) * (2 * Math.PI);
        Tensor x = torch.fft.irfft2(torch.polar(target.expand(angle.shape).contiguous(), angle), size);
        for (int i = 0; i < Iterations + Reductions; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            cancellation.ThrowIfCancellationRequested();
            Tensor projected = Projected(x, target, size), allowed = projected.ge(0).to(ScalarType.Float32) * frame;
            Tensor elsewhere = i < Iterations ? x - projected * Feedback : torch.zeros_like(x);
            x.copy_(torch.where(allowed.gt(0.5), projected, elsewhere));
        }

        double[] residuals = ForwardOperator.SquaresPerItem(torch.fft.rfft2(x).abs() - target).ToDoubles();
        int best = Array.IndexOf(residuals, residuals.Min());
        Tensor images = x.narrow(1, 0, height).narrow(2, 0, width).unsqueeze(1);
        Tensor first = images.narrow(0, best, 1);
        Tensor[] onFirst = [.. Enumerable.Range(0, Restarts).Select(i => Registration.Onto(images.narrow(0, i, 1), first, turns: true))];
        return torch.cat(onFirst).mean([0]).reshape(height, width);
    }

    // The half spectrum that real images have, from the mean of y(k) and y(-k), which has less noise.
    private static Tensor Symmetric(Tensor magnitudes)
    {
        Tensor y = torch.fft.ifftshift(magnitudes, [-2, -1]);
        Tensor mirrored = y.flip(-2, -1).roll([1, 1], [-2, -1]);
        return ((y + mirrored) / 2).clamp(min: 0).narrow(1, 0, y.size(1) / 2 + 1).contiguous();
    }

    // The image with the given magnitudes that is nearest.
    private static Tensor Projected(Tensor x, Tensor target, long[] size)
    {
        Tensor spectrum = torch.fft.rfft2(x);
        return torch.fft.irfft2(spectrum * (target / spectrum.abs().clamp(min: 1e-12)), size);
    }
}
