using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

/// <summary>The calls that one run makes of its model: counted, and cancellable before each.</summary>
internal sealed class ModelCalls(LatentModel model, int height, int width, CancellationToken cancellation)
{
    internal int Network { get; private set; }

    /// <summary>Calls of the network with gradient; <see cref="Network"/> does not count them.</summary>
    internal int NetworkGradient { get; private set; }

    internal int Decoder { get; private set; }

    internal int DecoderGradient { get; private set; }

    /// <summary>Calls of the encoder, with gradient or without.</summary>
    internal int Encoder { get; private set; }

    internal void ThrowIfCancelled()
    {
        cancellation.ThrowIfCancellationRequested();
        Libtorch.ReleaseScalars();
    }

    /// <summary>ε(z, t), the same t for all items.</summary>
    internal Tensor PredictNoise(Tensor z, int t)
    {
        ThrowIfCancelled();
        Network++;
        using IDisposable grad = torch.no_grad();
        using Tensor timesteps = torch.full([z.size(0)], t, ScalarType.Int64, z.device);
        return model.PredictNoise(z, timesteps);
    }

    /// <summary>f(z, σ) of the model's consistency network, the same σ for all items; a network call.</summary>
    internal Tensor Consistent(Tensor z, double sigma)
    {
        ThrowIfCancelled();
        Network++;
        using IDisposable grad = torch.no_grad();
        return model.Consistent(z, sigma);
    }

    /// <summary>ε(z, t) and J_ε(z)ᵀ w, where <paramref name="cotangent"/> makes w from ε.</summary>
    internal (Tensor Noise, Tensor Gradient) PredictNoiseVjp(Tensor z, int t, Func<Tensor, Tensor> cotangent)
    {
        ThrowIfCancelled();
        NetworkGradient++;
        using Tensor timesteps = torch.full([z.size(0)], t, ScalarType.Int64, z.device);
        return model.PredictNoiseVjp(z, timesteps, cotangent);
    }

    /// <summary>
    /// ε = ε(z, t), the image D(ẑ₀) and ∇_z through the network, with ẑ₀ = (z - √(1-ᾱ) ε) / √ᾱ; <paramref name="byClean"/> gives of ẑ₀ the image and the gradient by ẑ₀.
    /// </summary>
    internal (Tensor Noise, Tensor Image, Tensor Gradient) CleanVjp(DdimGrid grid, Tensor z, int index, Func<Tensor, (Tensor Image, Tensor Gradient)> byClean)
    {
        double a = grid.Abar[index];
        Tensor image = z, gradient = z;
        (Tensor e, Tensor throughNoise) = PredictNoiseVjp(z, grid.Timestep[index], noise =>
        {
            (image, gradient) = byClean(grid.Clean(z, noise, index));
            image.MoveToOuterDisposeScope();
            return gradient.MoveToOuterDisposeScope();
        });
        return (e, image, (gradient - throughNoise * Math.Sqrt(1 - a)) / Math.Sqrt(a));
    }

    internal Tensor Decode(Tensor z)
    {
        ThrowIfCancelled();
        Decoder++;
        using IDisposable grad = torch.no_grad();
        return model.Decode(z, height, width);
    }

    /// <summary>x = D(z) and J_D(z)ᵀ w, where <paramref name="cotangent"/> makes w from x.</summary>
    internal (Tensor Image, Tensor Gradient) DecodeVjp(Tensor z, Func<Tensor, Tensor> cotangent)
    {
        ThrowIfCancelled();
        DecoderGradient++;
        return model.DecodeVjp(z, height, width, cotangent);
    }

    internal Tensor Encode(Tensor x)
    {
        ThrowIfCancelled();
        Encoder++;
        using IDisposable grad = torch.no_grad();
        return model.Encode(x);
    }

    /// <summary>E(x) and J_E(x)ᵀ w, where <paramref name="cotangent"/> makes w from E(x).</summary>
    internal (Tensor Latent, Tensor Gradient) EncodeVjp(Tensor x, Func<Tensor, Tensor> cotangent)
    {
        ThrowIfCancelled();
        Encoder++;
        return model.EncodeVjp(x, cotangent);
    }
}
