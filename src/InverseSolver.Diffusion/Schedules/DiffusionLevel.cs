namespace InverseSolver.Diffusion.Schedules;

/// <summary>One noise level of the forward process z = √ᾱ x₀ + √(1−ᾱ) ε, which is solved here for each of its terms.</summary>
/// <param name="AlphaCumprod">ᾱ.</param>
public readonly record struct DiffusionLevel(double AlphaCumprod)
{
    /// <summary>√((1−ᾱ)/ᾱ), noise over signal.</summary>
    public double Sigma => Math.Sqrt((1 - AlphaCumprod) / AlphaCumprod);

    /// <summary>z = √ᾱ x₀ + √(1−ᾱ) ε.</summary>
    public Tensor AddNoise(Tensor x0, Tensor epsilon) => x0 * Math.Sqrt(AlphaCumprod) + epsilon * Math.Sqrt(1 - AlphaCumprod);

    /// <summary>x₀ = (z − √(1−ᾱ) ε) / √ᾱ; of a predicted ε Tweedie's estimate.</summary>
    public Tensor X0(Tensor z, Tensor epsilon) => (z - epsilon * Math.Sqrt(1 - AlphaCumprod)) / Math.Sqrt(AlphaCumprod);

    /// <summary>ε = (z − √ᾱ x₀) / √(1−ᾱ).</summary>
    public Tensor Epsilon(Tensor z, Tensor x0) => (z - x0 * Math.Sqrt(AlphaCumprod)) / Math.Sqrt(1 - AlphaCumprod);
}

/// <summary>The same for a batch whose items have noise levels of their own, and the conversion of what networks predict.</summary>
/// <param name="alphasCumprod">ᾱ of each item, (N, 1, 1, 1), in float64 on the host.</param>
internal readonly struct DiffusionLevels(Tensor alphasCumprod)
{
    /// <summary>z = √ᾱ x₀ + √(1−ᾱ) ε.</summary>
    internal Tensor AddNoise(Tensor x0, Tensor epsilon) => x0 * Signal(x0) + epsilon * Noise(x0);

    /// <summary>ε of a network's output about z: ε itself, v = √ᾱ ε − √(1−ᾱ) x₀, or x₀.</summary>
    internal Tensor ToEpsilon(PredictionType type, Tensor output, Tensor z) => type switch
    {
        PredictionType.VPrediction => output * Signal(z) + z * Noise(z),
        PredictionType.Sample => (z - output * Signal(z)) / Noise(z),
        _ => output,
    };

    private Tensor Signal(Tensor like) => alphasCumprod.sqrt().to(ScalarType.Float32, like.device);

    private Tensor Noise(Tensor like) => (1.0 - alphasCumprod).sqrt().to(ScalarType.Float32, like.device);
}
