using System.Text.Json;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.UnitTests;

/// <summary>
/// The DDIMScheduler of diffusers, written down once more: its timesteps and its step, with clipping and thresholding, which the solvers leave aside.
/// </summary>
internal sealed class ReferenceDdim
{
    private readonly SchedulerConfig _config;
    private readonly int _stepsOffset;
    private readonly double? _clipRange;
    private readonly (double Ratio, double Max)? _threshold;

    private ReferenceDdim(SchedulerConfig config, JsonElement json)
    {
        _config = config;
        _stepsOffset = json.TryGetProperty("steps_offset", out JsonElement offset) ? offset.GetInt32() : 0;
        bool clips = json.TryGetProperty("clip_sample", out JsonElement clip)
            ? clip.GetBoolean()
            : json.GetProperty("_class_name").GetString() != "PNDMScheduler";
        _clipRange = clips ? Number(json, "clip_sample_range", 1) : null;
        bool thresholds = json.TryGetProperty("thresholding", out JsonElement thresholding) && thresholding.GetBoolean();
        _threshold = thresholds ? (Number(json, "dynamic_thresholding_ratio", 0.995), Number(json, "sample_max_value", 1)) : null;
    }

    public bool Clips => _clipRange is not null || _threshold is not null;

    public static ReferenceDdim Read(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(path));
        return new ReferenceDdim(SchedulerConfig.Read(path), json.RootElement);
    }

    /// <summary>The timesteps of a run, the noisiest first.</summary>
    public int[] Timesteps(int steps)
    {
        int train = _config.Noise.TrainTimesteps;
        double Rounded(double t) => Math.Round(t, MidpointRounding.ToEven);
        return _config.Spacing switch
        {
            TimestepSpacing.Linspace =>
                [.. Enumerable.Range(0, steps).Reverse().Select(i => steps == 1 ? 0 : (int)Rounded(i * (train - 1.0) / (steps - 1)))],
            TimestepSpacing.Trailing => [.. Enumerable.Range(0, steps).Select(i => (int)Rounded(train - i * (train / (double)steps)) - 1)],
            _ => [.. Enumerable.Range(0, steps).Reverse().Select(i => i * (train / steps) + _stepsOffset)],
        };
    }

    /// <summary>ᾱ one stride before a timestep.</summary>
    public double PreviousAlphaCumprod(int t, int steps)
    {
        int previous = t - _config.Noise.TrainTimesteps / steps;
        return previous >= 0 ? _config.Noise.AlphasCumprod[previous] : _config.SetAlphaToOne ? 1 : _config.Noise.AlphasCumprod[0];
    }

    /// <summary>One step from a timestep to the one a stride before it, and the clean sample that was estimated.</summary>
    public (Tensor Previous, Tensor Original) Step(Tensor modelOutput, int t, Tensor z, int steps, double eta = 0, Tensor? noise = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double a = _config.Noise.AlphasCumprod[t], prev = PreviousAlphaCumprod(t, steps), signal = Math.Sqrt(a), spread = Math.Sqrt(1 - a);
        (Tensor original, Tensor epsilon) = _config.PredictionType switch
        {
            PredictionType.VPrediction => (z * signal - modelOutput * spread, modelOutput * signal + z * spread),
            PredictionType.Sample => (modelOutput.alias(), (z - modelOutput * signal) / spread),
            _ => ((z - modelOutput * spread) / signal, modelOutput),
        };
        original = _threshold is { } limits ? Thresholded(original, limits.Ratio, limits.Max)
            : _clipRange is { } range ? original.clamp(-range, range)
            : original;

        double deviation = eta * Math.Sqrt((1 - prev) / (1 - a) * (1 - a / prev));
        Tensor next = original * Math.Sqrt(prev) + epsilon * Math.Sqrt(Math.Max(0, 1 - prev - deviation * deviation));
        if (eta > 0)
        {
            next = next + noise! * deviation;
        }

        return (next.MoveToOuterDisposeScope(), original.MoveToOuterDisposeScope());
    }

    // Each item is clipped at a quantile of its own magnitudes, which is then scaled to 1.
    private static Tensor Thresholded(Tensor x, double ratio, double max)
    {
        Tensor[] items = x.split(1);
        return torch.cat([.. items.Select(item =>
        {
            double[] magnitudes = [.. item.ToDoubles().Select(Math.Abs).Order()];
            double place = ratio * (magnitudes.Length - 1);
            int below = (int)place, above = Math.Min(below + 1, magnitudes.Length - 1);
            double quantile = magnitudes[below] + (place - below) * (magnitudes[above] - magnitudes[below]);
            double limit = Math.Min(Math.Max(quantile, 1), max);
            return item.clamp(-limit, limit) / limit;
        })]);
    }

    private static double Number(JsonElement json, string name, double otherwise) =>
        json.TryGetProperty(name, out JsonElement value) ? value.GetDouble() : otherwise;
}
