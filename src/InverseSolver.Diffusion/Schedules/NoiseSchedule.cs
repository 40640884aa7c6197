using System.Text.Json.Serialization;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Schedules;

/// <summary>The quantity that a network was trained to predict.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PredictionType>))]
public enum PredictionType
{
    /// <summary>The noise ε.</summary>
    [JsonStringEnumMemberName("epsilon")]
    Epsilon,

    /// <summary>v = √ᾱ ε − √(1−ᾱ) z₀.</summary>
    [JsonStringEnumMemberName("v_prediction")]
    VPrediction,

    /// <summary>The clean sample z₀.</summary>
    [JsonStringEnumMemberName("sample")]
    Sample,
}

/// <summary>Spacing of a run's timesteps among the training timesteps; the names are diffusers'.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TimestepSpacing>))]
public enum TimestepSpacing
{
    /// <summary>From the image's end in whole strides; the noisiest are left out.</summary>
    [JsonStringEnumMemberName("leading")]
    Leading,

    /// <summary>Evenly from the first to the last.</summary>
    [JsonStringEnumMemberName("linspace")]
    Linspace,

    /// <summary>From the noisiest down in strides.</summary>
    [JsonStringEnumMemberName("trailing")]
    Trailing,
}

/// <summary>The noise of each training timestep, z_t = √ᾱ_t x₀ + √(1−ᾱ_t) ε, in float64. Schedules of the same values are equal.</summary>
public sealed class NoiseSchedule : IEquatable<NoiseSchedule>
{
    private readonly double[] _alphasCumprod;

    private NoiseSchedule(double[] alphasCumprod) => _alphasCumprod = alphasCumprod;

    /// <summary>Number of training timesteps.</summary>
    public int TrainTimesteps => _alphasCumprod.Length;

    /// <summary>ᾱ of each training timestep.</summary>
    public ReadOnlySpan<double> AlphasCumprod => _alphasCumprod;

    /// <inheritdoc/>
    public bool Equals(NoiseSchedule? other) => other is not null && AlphasCumprod.SequenceEqual(other.AlphasCumprod);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NoiseSchedule);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(TrainTimesteps, _alphasCumprod[^1]);

    /// <summary>The schedule of given betas: ᾱ_t is the product of 1 − β up to t.</summary>
    /// <param name="betas">β of each timestep, in (0, 1].</param>
    public static NoiseSchedule FromBetas(ReadOnlySpan<double> betas)
    {
        var products = new double[betas.Length];
        double product = 1;
        for (int i = 0; i < products.Length; i++)
        {
            products[i] = product *= 1 - betas[i];
        }

        return new NoiseSchedule(products);
    }

    internal static NoiseSchedule Read(NetworkConfig config)
    {
        int steps = config.Int("num_train_timesteps", 1000, 1, 100_000);
        double start = config.Number("beta_start", 1e-4), end = config.Number("beta_end", 0.02);
        string kind = config.OneOf("beta_schedule", "linear", "linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid");
        double[] betas = config.Numbers("trained_betas") ?? Betas(kind, start, end, steps);
        if (betas.Length != steps)
        {
            throw config.Error("trained_betas", $"holds {betas.Length} numbers for {steps} timesteps (num_train_timesteps)");
        }

        if (betas.Any(b => b is not (> 0 and <= 1)))
        {
            throw config.Error(config.Has("trained_betas") ? "trained_betas" : "beta_start", "gives a beta outside (0, 1]");
        }

        NoiseSchedule schedule = FromBetas(betas);
        return config.Bool("rescale_betas_zero_snr", false) ? schedule.RescaledToZeroSnr() : schedule;
    }

    /// <summary>Shifts and stretches √ᾱ so that the last timestep holds no signal at all.</summary>
    private NoiseSchedule RescaledToZeroSnr()
    {
        double first = Math.Sqrt(_alphasCumprod[0]), last = Math.Sqrt(_alphasCumprod[^1]);
        return new NoiseSchedule([.. _alphasCumprod.Select(a => Math.Pow((Math.Sqrt(a) - last) * first / (first - last), 2))]);
    }

    internal static double[] Betas(string kind, double start, double end, int steps)
    {
        double Line(double from, double to, int i) => steps == 1 ? from : from + i / (double)(steps - 1) * (to - from);
        return [.. Enumerable.Range(0, steps).Select(i => kind switch
        {
            "linear" => Line(start, end, i),
            "scaled_linear" => Math.Pow(Line(Math.Sqrt(start), Math.Sqrt(end), i), 2),
            "sigmoid" => start + (end - start) / (1 + Math.Exp(-Line(-6, 6, i))),
            _ => Math.Min(1 - CosineSignal((i + 1) / (double)steps) / CosineSignal(i / (double)steps), 0.999),
        })];
    }

    private static double CosineSignal(double t) => Math.Pow(Math.Cos((t + 0.008) / 1.008 * Math.PI / 2), 2);
}
