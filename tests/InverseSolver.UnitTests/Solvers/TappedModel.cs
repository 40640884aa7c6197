using InverseSolver.Diffusion;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>A Gaussian model that counts the calls of its three networks and tells before each which one it is, counted from 1.</summary>
internal sealed class TappedModel(GaussianModel inner, Action<int>? before = null) : LatentModel(inner.AlphasCumprod)
{
    public int Calls { get; private set; }

    /// <summary>Called with the noisy latent of each prediction.</summary>
    public Action<Tensor>? OnPredict { get; init; }

    public override ModelInfo Info => inner.Info;

    public override Device Device => inner.Device;

    public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null)
    {
        Tap();
        OnPredict?.Invoke(z);
        return inner.PredictNoise(z, t, conditioning);
    }

    public override Tensor ConsistencyFunction(Tensor z, double sigma)
    {
        Tap();
        return inner.ConsistencyFunction(z, sigma);
    }

    internal override Tensor EncodeCore(Tensor x)
    {
        Tap();
        return x.alias();
    }

    internal override Tensor DecodeCore(Tensor z)
    {
        Tap();
        return z.alias();
    }

    private void Tap() => before?.Invoke(++Calls);
}
