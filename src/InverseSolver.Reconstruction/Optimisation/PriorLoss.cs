using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>The denoising loss that the model was trained with, of one image: it bounds -log p(z) up to a constant.</summary>
internal static class PriorLoss
{
    private const int Noises = 4;
    private static readonly double[] Levels = [0.3, 0.5, 0.7];

    /// <summary>
    /// The mean of ‖ε(√ᾱ z + √(1-ᾱ) n, t) - n‖² over three timesteps and four fixed n, divided by the latent's elements; for each image, the same n for all.
    /// </summary>
    /// <param name="model">The prior.</param>
    /// <param name="images">(N, C, H, W) on [0,1].</param>
    /// <param name="cancellation">Checked before each call.</param>
    internal static double[] Of(LatentModel model, Tensor images, CancellationToken cancellation)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        using var generator = new Generator(0);
        Tensor z = model.Encode(images.clamp(0, 1).contiguous());
        var losses = new double[images.size(0)];
        foreach (double level in Levels)
        {
            int t = (int)(level * (model.AlphasCumprod.Length - 1));
            for (int k = 0; k < Noises; k++)
            {
                using DisposeScope inner = torch.NewDisposeScope();
                cancellation.ThrowIfCancellationRequested();
                Tensor n = torch.randn([1, .. z.shape[1..]], generator).to(z.device);
                Tensor zt = new DiffusionLevel(model.AlphasCumprod[t]).AddNoise(z, n);
                Tensor epsilon = model.PredictNoise(zt, torch.full([z.size(0)], t, ScalarType.Int64, z.device));
                double[] squares = ForwardOperator.SquaresPerItem(epsilon - n).ToDoubles();
                losses = [.. losses.Select((loss, i) => loss + squares[i] / (n.numel() * Noises * Levels.Length))];
            }
        }

        return losses;
    }
}
