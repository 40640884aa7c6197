using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Diffusion.Checkpoints;

/// <summary>
/// Settles what the shapes of the tensors do not tell: an option goes before what the checkpoint stores, that before its config, and that before what
/// models of its kind usually have, which is an assumption and is called one. What none of them says is an error.
/// </summary>
internal sealed class CompVisSettings
{
    private readonly Checkpoint checkpoint;
    private readonly CompVisFamily family;
    private readonly List<ConversionFinding> findings = [];

    internal CompVisSettings(Checkpoint checkpoint, CompVisFamily family, ConversionOptions options)
    {
        this.checkpoint = checkpoint;
        this.family = family;
        CompVisConfig? config = options.Config;
        string assumed = $"assumed: {family.Name}";
        AttentionHeads? configured = config?.HeadChannels is { } channels ? new(null, channels) : config?.Heads is { } heads ? new(heads, null) : null;
        Heads = Settle("attention", "--heads or --head-channels",
            (options.Heads is null && options.HeadChannels is null ? null : new AttentionHeads(options.Heads, options.HeadChannels), "option"),
            (configured, "config"), (family.Heads, assumed))!;
        LatentScale = Settle("latent scale", "--latent-scale", (options.LatentScale, "option"), (Stored("scale_factor") is [{ } scale] ? scale : null, "checkpoint"), (config?.LatentScale, "config"), (family.LatentScale, assumed))!.Value;
        if (LatentScale is not (> 0 and < double.PositiveInfinity))
        {
            throw new InvalidModelException($"{checkpoint.Name}: its latent scale is {LatentScale.ToString(CultureInfo.InvariantCulture)}; it must be positive.");
        }

        Prediction = Settle("prediction", "--prediction", (options.Prediction, "option"), (config?.Prediction, "config"), (family.Prediction, assumed))!;
        Scheduler = Schedule(options, assumed);
        Scheduler["prediction_type"] = Prediction;
    }

    internal AttentionHeads Heads { get; }

    internal double LatentScale { get; }

    internal string Prediction { get; }

    /// <summary>scheduler_config.json.</summary>
    internal JsonObject Scheduler { get; }

    internal IReadOnlyList<ConversionFinding> Findings => findings;

    private JsonObject Schedule(ConversionOptions options, string assumed)
    {
        // The original samplers: latent-diffusion visits every n-th step from 1 on and ends at the first β, guided diffusion spreads its steps evenly.
        bool pixels = family.BetaSchedule == "linear";
        var scheduler = new JsonObject
        {
            ["_class_name"] = "DDIMScheduler",
            ["num_train_timesteps"] = 1000,
            ["clip_sample"] = false,
            ["set_alpha_to_one"] = pixels,
            ["steps_offset"] = pixels ? 0 : 1,
            ["timestep_spacing"] = pixels ? "linspace" : "leading",
        };
        if (options.BetaStart is null && Stored("betas") is { Length: > 1 } betas)
        {
            scheduler["num_train_timesteps"] = betas.Length;
            return Fitted(scheduler, betas);
        }

        (double, double)? Pair(double? start, double? end) => start is { } a && end is { } b ? (a, b) : null;
        (double start, double end) = Settle("betas", "--beta-start and --beta-end",
            (Pair(options.BetaStart, options.BetaEnd), "option"), (Pair(options.Config?.BetaStart, options.Config?.BetaEnd), "config"), (family.Betas, assumed))!.Value;
        scheduler["beta_schedule"] = family.BetaSchedule;
        scheduler["beta_start"] = start;
        scheduler["beta_end"] = end;
        return scheduler;
    }

    private JsonObject Fitted(JsonObject scheduler, double[] betas)
    {
        double start = Rounded(betas[0]), end = Rounded(betas[^1]);
        string? kind = ((string[])["scaled_linear", "linear"]).FirstOrDefault(name =>
            NoiseSchedule.Betas(name, start, end, betas.Length).Zip(betas, (a, b) => Math.Abs(a - b) <= 2e-6 * b).All(same => same));
        if (kind is null)
        {
            scheduler["trained_betas"] = new JsonArray([.. betas.Select(beta => (JsonNode)beta)]);
        }
        else
        {
            scheduler["beta_schedule"] = kind;
            scheduler["beta_start"] = start;
            scheduler["beta_end"] = end;
        }

        findings.Add(new ConversionFinding("betas", kind is null ? $"{betas.Length} of its own" : Invariant($"{kind}, {start} to {end}, {betas.Length} steps"), "checkpoint"));
        return scheduler;
    }

    // Stored in float32, which holds seven digits of what was meant.
    private static double Rounded(double value) => double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>A small buffer of the checkpoint, by the shortest decimals that mean the same in its precision; null where it has none, or one of half precision, which is too coarse.</summary>
    private double[]? Stored(string name)
    {
        if (!checkpoint.Tensors.TryGetValue(name, out CheckpointTensor? tensor) || tensor.Bytes > 1 << 20)
        {
            return null;
        }

        byte[] bytes = checkpoint.Read(tensor);
        return tensor.Type switch
        {
            "F32" => [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(value => double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture))],
            "F64" => MemoryMarshal.Cast<byte, double>(bytes).ToArray(),
            _ => null,
        };
    }

    private T Settle<T>(string name, string option, params (T? Value, string Source)[] candidates)
    {
        foreach ((T? value, string source) in candidates)
        {
            if (value is not null)
            {
                findings.Add(new ConversionFinding(name, Invariant($"{value}"), source));
                return value;
            }
        }

        throw new InvalidModelException(
            $"{checkpoint.Name}: its {name} is not known. The tensors do not tell, and models of this kind ({family.Name}) differ: give {option}, or the model's own file (--config).");
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
