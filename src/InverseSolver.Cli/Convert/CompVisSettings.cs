using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Cli.Convert;

/// <summary>
/// Finds the settings that do not follow from the shapes of the tensors: an option takes precedence over the checkpoint's stored value, that over its config,
/// and that over the usual value of models of its kind, which is reported as an assumption. A setting without a value is an error.
/// </summary>
internal sealed class CompVisSettings
{
    private readonly Checkpoint _checkpoint;
    private readonly CompVisFamily _family;
    private readonly List<ConversionFinding> _findings = [];
    private readonly List<(string Name, string Option)> _missing = [];

    internal CompVisSettings(Checkpoint checkpoint, CompVisUNet unet, CompVisFamily family, ConversionOptions options)
    {
        _checkpoint = checkpoint;
        _family = family;
        CheckUse(unet, options);
        CompVisConfig? config = options.Config;
        string assumed = $"assumed: {family.Name}";
        AttentionHeads? configured = config?.HeadChannels is { } channels ? new(null, channels) : config?.Heads is { } count ? new(count, null) : null;
        AttentionHeads? heads = Settle("attention", "--heads or --head-channels",
            (options.Heads is null && options.HeadChannels is null ? null : new AttentionHeads(options.Heads, options.HeadChannels), "option"),
            (configured, "config"), (family.Heads, assumed));
        if (unet.ContextChannels is null && (heads is null || unet.HasSeveralHeads(heads)))
        {
            NewAttentionOrder = Settle("qkv order", "--attention-order",
                (options.AttentionOrder, "option"), (config?.NewAttentionOrder switch { true => "new", false => "old", null => null }, "config"),
                (family.AttentionOrder, assumed)) == "new";
        }

        double? scale = Settle(
            "latent scale", "--latent-scale", (options.LatentScale, "option"), (Stored("scale_factor") is [var stored] ? stored : null, "checkpoint"),
            (config?.LatentScale, "config"), (family.LatentScale, assumed));
        string? prediction = Settle("prediction", "--prediction", (options.Prediction, "option"), (config?.Prediction, "config"), (family.Prediction, assumed));
        Scheduler = Schedule(options, assumed);
        if (_missing.Count > 0)
        {
            throw Missing();
        }

        (Heads, LatentScale, Prediction) = (heads!, scale!.Value, prediction!);
        if (LatentScale is not (> 0 and < double.PositiveInfinity))
        {
            throw new InvalidModelException(
                $"{checkpoint.Name}: its latent scale is {LatentScale.ToString(CultureInfo.InvariantCulture)}; it must be positive.");
        }

        Scheduler["prediction_type"] = Prediction;
    }

    internal AttentionHeads Heads { get; }

    /// <summary>True where all heads' q precede all heads' k and v.</summary>
    internal bool NewAttentionOrder { get; }

    internal double LatentScale { get; }

    internal string Prediction { get; }

    /// <summary>scheduler_config.json.</summary>
    internal JsonObject Scheduler { get; }

    internal IReadOnlyList<ConversionFinding> Findings => _findings;

    // An option without effect is a mistake.
    private void CheckUse(CompVisUNet unet, ConversionOptions options)
    {
        if (options.AttentionOrder is not null && unet.ContextChannels is not null)
        {
            throw new InvalidModelException($"{_checkpoint.Name}: --attention-order applies only to models without a context; here q, k and v are separate.");
        }

        if (options.RescaleTimesteps is not null && !_family.IsPixels)
        {
            throw new InvalidModelException($"{_checkpoint.Name}: --rescale-timesteps applies only to guided diffusion, and this is {_family.Name}.");
        }
    }

    private InvalidModelException Missing()
    {
        static string Joined(IEnumerable<string> words) =>
            words.ToArray() is [.. var first, var last] and not [_] ? $"{string.Join(", ", first)} and {last}" : words.Single();
        return new InvalidModelException(
            $"{_checkpoint.Name}: its {Joined(_missing.Select(one => one.Name))} "
            + $"{(_missing is [var (only, _)] && !only.EndsWith('s') ? "is" : "are")} unknown. "
            + $"The tensors do not determine this, and models of this kind ({_family.Name}) differ: give {Joined(_missing.Select(one => one.Option))}"
            + $"{(_family.IsPixels ? "; docs/models.md has them for the published ones" : ", or the model's own file (--config)")}.");
    }

    private JsonObject Schedule(ConversionOptions options, string assumed)
    {
        // The original samplers: latent-diffusion visits every n-th step from 1 on and ends at the first β, guided diffusion spreads its steps evenly.
        var scheduler = new JsonObject
        {
            ["_class_name"] = "DDIMScheduler",
            ["num_train_timesteps"] = 1000,
            ["clip_sample"] = false,
            ["set_alpha_to_one"] = _family.IsPixels,
            ["steps_offset"] = _family.IsPixels ? 0 : 1,
            ["timestep_spacing"] = _family.IsPixels ? "linspace" : "leading",
        };
        if (options is { BetaStart: null, BetaSchedule: null, Steps: null } && Stored("betas") is { Length: > 1 } betas)
        {
            scheduler["num_train_timesteps"] = betas.Length;
            return Fitted(scheduler, betas);
        }

        string? kind = Settle(
            "beta schedule", "--beta-schedule", (options.BetaSchedule, "option"), (options.Config?.BetaSchedule, "config"), (_family.BetaSchedule, assumed));
        int? steps = Settle<int?>("steps", "--steps", (options.Steps, "option"), (options.Config?.Steps, "config"), (_family.Steps, assumed));
        bool rescaled = _family.IsPixels && steps is not (null or 1000) && Settle("time", "--rescale-timesteps",
            (options.RescaleTimesteps switch { true => $"t * 1000 / {steps}", false => "t as it is", null => null },
                "option")) is not null && options.RescaleTimesteps == true;
        (double Start, double End)? range = kind is null or "cosine" ? null : Range(options, kind, steps, assumed);
        if (_missing.Count > 0)
        {
            return scheduler;
        }

        scheduler["num_train_timesteps"] = steps;
        scheduler["beta_schedule"] = kind == "cosine" ? "squaredcos_cap_v2" : kind;
        if (range is var (start, end))
        {
            (scheduler["beta_start"], scheduler["beta_end"]) = (start, end);
        }

        return rescaled
            ? Rescaled(scheduler, NoiseSchedule.FromBetas(NoiseSchedule.Betas(kind!, range?.Start ?? 0, range?.End ?? 0, steps!.Value)))
            : scheduler;
    }

    private (double Start, double End)? Range(ConversionOptions options, string kind, int? steps, string assumed)
    {
        static (double, double)? Pair(double? start, double? end) => start is { } a && end is { } b ? (a, b) : null;

        // As guided diffusion has it: from 0.0001 to 0.02 for 1000 steps, and as much noise in all for another number of them.
        (double, double)? guided = _family.IsPixels && kind == "linear" && steps is > 20 and { } count ? (0.1 / count, 20.0 / count) : null;
        return Settle(
            "betas", "--beta-start and --beta-end", (Pair(options.BetaStart, options.BetaEnd), "option"),
            (Pair(options.Config?.BetaStart, options.Config?.BetaEnd), "config"),
            (_family.Betas, assumed), (guided, "guided diffusion's linear schedule"));
    }

    /// <summary>
    /// The steps whose rescaled time is a whole number: those the denoiser knows as 0 to 999. A package calls it by the number of the step and in no other way.
    /// </summary>
    private JsonObject Rescaled(JsonObject scheduler, NoiseSchedule all)
    {
        const int Times = 1000;
        if (all.TrainTimesteps % Times != 0)
        {
            throw new InvalidModelException(
                $"{_checkpoint.Name}: {all.TrainTimesteps} steps with rescaled times are not supported; give a multiple of {Times}.");
        }

        var betas = new JsonArray();
        double before = 1;
        for (int i = 0; i < Times; i++)
        {
            double now = all.AlphasCumprod[i * (all.TrainTimesteps / Times)];
            betas.Add((JsonNode)(1 - now / before));
            before = now;
        }

        scheduler.Remove("beta_schedule");
        scheduler.Remove("beta_start");
        scheduler.Remove("beta_end");
        (scheduler["num_train_timesteps"], scheduler["trained_betas"]) = (Times, betas);
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

        _findings.Add(new ConversionFinding(
            "betas", kind is null ? $"{betas.Length} of its own" : Invariant($"{kind}, {start} to {end}, {betas.Length} steps"), "checkpoint"));
        return scheduler;
    }

    // Stored in float32, with seven significant digits.
    private static double Rounded(double value) => double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>
    /// A small buffer of the checkpoint, by the shortest decimals that mean the same in its precision; null where it has none, or one of half precision, which
    /// is too coarse.
    /// </summary>
    private double[]? Stored(string name)
    {
        if (!_checkpoint.Tensors.TryGetValue(name, out CheckpointTensor? tensor) || tensor.Bytes > 1 << 20)
        {
            return null;
        }

        byte[] bytes = _checkpoint.Read(tensor);
        return tensor.Type switch
        {
            "F32" =>
                [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(value =>
                    double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture))],
            "F64" => MemoryMarshal.Cast<byte, double>(bytes).ToArray(),
            _ => null,
        };
    }

    /// <summary>The first candidate that there is; without one, it is noted as missing.</summary>
    private T? Settle<T>(string name, string option, params (T? Value, string Source)[] candidates)
    {
        foreach ((T? value, string source) in candidates)
        {
            if (value is not null)
            {
                _findings.Add(new ConversionFinding(name, Invariant($"{value}"), source));
                return value;
            }
        }

        _missing.Add((name, option));
        return default;
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
