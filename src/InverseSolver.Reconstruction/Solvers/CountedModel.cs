using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Estimates;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The calls that a run made of its model.</summary>
/// <param name="Network">Calls of the network without gradient.</param>
/// <param name="NetworkGradient">Calls of the network with gradient.</param>
/// <param name="Decoder">Calls of the decoder without gradient.</param>
/// <param name="DecoderGradient">Calls of the decoder with gradient.</param>
/// <param name="Encoder">Calls of the encoder without gradient.</param>
/// <param name="EncoderGradient">Calls of the encoder with gradient.</param>
internal readonly record struct ModelCalls(int Network, int NetworkGradient, int Decoder, int DecoderGradient, int Encoder, int EncoderGradient = 0)
{
    /// <summary>Their cost in network calls, a gradient as two; a step without calls counts as one.</summary>
    internal double Cost => Math.Max(1, Network + Decoder + Encoder + 2.0 * (NetworkGradient + DecoderGradient + EncoderGradient));

    /// <summary>Both together.</summary>
    public static ModelCalls operator +(ModelCalls a, ModelCalls b) => new(
        a.Network + b.Network, a.NetworkGradient + b.NetworkGradient, a.Decoder + b.Decoder, a.DecoderGradient + b.DecoderGradient,
        a.Encoder + b.Encoder, a.EncoderGradient + b.EncoderGradient);
}

/// <summary>The model of one run, for images of one size: its calls are counted, and cancellable before each.</summary>
internal sealed class CountedModel(LatentModel model, int height, int width, CancellationToken cancellation)
{
    internal ModelCalls Calls { get; private set; }

    /// <summary>Their times, each without that of its cotangent.</summary>
    internal CallClock Clock { get; } = new(height, width);

    internal ModelInfo Info => model.Info;

    /// <summary>ᾱ of each training timestep.</summary>
    internal ReadOnlySpan<double> AlphasCumprod => model.AlphasCumprod;

    /// <summary>(c, h, w) of a latent.</summary>
    internal long[] LatentShape => model.LatentShape(height, width);

    internal void ThrowIfCancelled()
    {
        cancellation.ThrowIfCancellationRequested();
        Libtorch.ReleaseScalars();
    }

    /// <summary>ε(z, t), the same t for all items.</summary>
    internal Tensor PredictNoise(Tensor z, int t)
    {
        ThrowIfCancelled();
        Calls = Calls with { Network = Calls.Network + 1 };
        using IDisposable grad = torch.no_grad();
        using Tensor timesteps = torch.full([z.size(0)], t, ScalarType.Int64, z.device);
        return Clock.Time(CallKind.Network, z, () => model.PredictNoise(z, timesteps));
    }

    /// <summary>f(z, σ) of the model's consistency model, the same σ for all items; a network call.</summary>
    internal Tensor ConsistencyFunction(Tensor z, double sigma)
    {
        ThrowIfCancelled();
        Calls = Calls with { Network = Calls.Network + 1 };
        using IDisposable grad = torch.no_grad();
        return Clock.Time(CallKind.Network, z, () => model.ConsistencyFunction(z, sigma));
    }

    /// <summary>ε(z, t) and J_ε(z)ᵀ w, where <paramref name="cotangent"/> makes w from ε.</summary>
    internal (Tensor Noise, Tensor Gradient) PredictNoiseVjp(Tensor z, int t, Func<Tensor, Tensor> cotangent)
    {
        ThrowIfCancelled();
        Calls = Calls with { NetworkGradient = Calls.NetworkGradient + 1 };
        using Tensor timesteps = torch.full([z.size(0)], t, ScalarType.Int64, z.device);
        return Clock.Time(CallKind.NetworkGradient, z, cotangent, timed => model.PredictNoiseVjp(z, timesteps, timed));
    }

    /// <summary>ε(z, t), the image D(x₀) and its gradient by z through the network, with x₀ = (z - √(1-ᾱ) ε(z, t)) / √ᾱ.</summary>
    /// <param name="t">The step.</param>
    /// <param name="z">The latent.</param>
    /// <param name="byX0">The image and its gradient by x₀.</param>
    internal (Tensor Epsilon, Tensor Image, Tensor Gradient) X0Vjp(DdimStep t, Tensor z, Func<Tensor, (Tensor Image, Tensor Gradient)> byX0)
    {
        double a = t.AlphaCumprod;
        Tensor image = z, gradient = z;
        (Tensor epsilon, Tensor throughNetwork) = PredictNoiseVjp(z, t.Timestep, noise =>
        {
            (image, gradient) = byX0(t.X0(z, noise));
            image.MoveToOuterDisposeScope();
            return gradient.MoveToOuterDisposeScope();
        });
        return (epsilon, image, (gradient - throughNetwork * Math.Sqrt(1 - a)) / Math.Sqrt(a));
    }

    internal Tensor Decode(Tensor z)
    {
        ThrowIfCancelled();
        Calls = Calls with { Decoder = Calls.Decoder + 1 };
        using IDisposable grad = torch.no_grad();
        return Clock.Time(CallKind.Decoder, z, () => model.Decode(z, height, width));
    }

    /// <summary>x = D(z) and J_D(z)ᵀ w, where <paramref name="cotangent"/> makes w from x.</summary>
    internal (Tensor Image, Tensor Gradient) DecodeVjp(Tensor z, Func<Tensor, Tensor> cotangent)
    {
        ThrowIfCancelled();
        Calls = Calls with { DecoderGradient = Calls.DecoderGradient + 1 };
        return Clock.Time(CallKind.DecoderGradient, z, cotangent, timed => model.DecodeVjp(z, height, width, timed));
    }

    internal Tensor Encode(Tensor x)
    {
        ThrowIfCancelled();
        Calls = Calls with { Encoder = Calls.Encoder + 1 };
        using IDisposable grad = torch.no_grad();
        return Clock.Time(CallKind.Encoder, x, () => model.Encode(x));
    }

    /// <summary>E(x) and J_E(x)ᵀ w, where <paramref name="cotangent"/> makes w from E(x).</summary>
    internal (Tensor Latent, Tensor Gradient) EncodeVjp(Tensor x, Func<Tensor, Tensor> cotangent)
    {
        ThrowIfCancelled();
        Calls = Calls with { EncoderGradient = Calls.EncoderGradient + 1 };
        return Clock.Time(CallKind.EncoderGradient, x, cotangent, timed => model.EncodeVjp(x, timed));
    }
}
