using System.CommandLine;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Convert;

/// <summary><c>inverse models convert</c>: makes a model package of a checkpoint of latent-diffusion, Stable Diffusion or guided diffusion.</summary>
internal static class ConvertModelCommand
{
    internal static Command Create()
    {
        var checkpoint = new Argument<string>("checkpoint")
        {
            Description = "A .ckpt, .pt or .pth file of PyTorch 1.6 or later, or a safetensors copy with the same names.",
        };
        var output = new Argument<string>("out") { Description = "The package's folder, which must not exist; its name becomes the model's id." };
        var config = new Option<string?>("--config")
        {
            Description = "The YAML file that came with the model: heads, latent scale, betas and prediction are taken from it.",
        };
        var raw = new Option<bool>("--raw") { Description = "Take the weights as trained, not their moving average (EMA)." };
        Option<int?> heads = CliOptions.Number<int>("--heads", "Heads of every attention in the denoiser (num_heads).");
        Option<int?> headChannels = CliOptions.Number<int>(
            "--head-channels", "Channels of every head in the denoiser (num_head_channels, which goes before num_heads).");
        var order = new Option<string?>("--attention-order")
        {
            Description = "How q, k and v of several heads lie in one matrix: old, or new (use_new_attention_order).",
        };
        Option<double?> scale = CliOptions.Number<double>("--latent-scale", "What latents are multiplied by (scale_factor).");
        var prediction = new Option<string?>("--prediction") { Description = "What the denoiser predicts: epsilon, v_prediction or sample." };
        var schedule = new Option<string?>("--beta-schedule")
        {
            Description = "How beta goes from the first to the last: linear, scaled_linear or cosine (noise_schedule of guided diffusion).",
        };
        Option<int?> steps = CliOptions.Number<int>("--steps", "Training timesteps (diffusion_steps).");
        var rescale = new Option<bool?>("--rescale-timesteps")
        {
            Description = "Of guided diffusion with other than 1000 timesteps, true or false: "
                + "whether the denoiser was told t * 1000 / steps (rescale_timesteps).",
        };
        Option<double?> start = CliOptions.Number<double>("--beta-start", "The first beta (linear_start).");
        Option<double?> end = CliOptions.Number<double>("--beta-end", "The last beta (linear_end).");
        Option<int?> label = CliOptions.Number<int>(
            "--class", "The class that a class-conditional model is told; 1000, which stands for none, where there are 1001.");
        var conditioning = new Option<string?>("--conditioning")
        {
            Description = "A safetensors file with the context of a text-conditional model: embedding (L, D), perhaps unconditional.",
        };
        Option<string?> json = CliOptions.Json();
        var command = new Command(
            "convert",
            "Makes a model package of a CompVis checkpoint: latent diffusion (VQ and KL), Stable Diffusion 1 and 2, guided diffusion. "
                + "Pickles are read without running anything in them.")
        {
            checkpoint, output, config, raw, heads, headChannels, order, scale, prediction, schedule, steps, rescale, start, end, label, conditioning, json,
        };
        command.SetAction((arguments, cancellation) =>
        {
            ConversionReport report = CheckpointConversion.Run(arguments.GetRequiredValue(checkpoint), arguments.GetRequiredValue(output), new ConversionOptions
            {
                Config = arguments.GetValue(config) is { } file ? CompVisConfigFile.Read(file) : null,
                Raw = arguments.GetValue(raw),
                Heads = arguments.GetValue(heads),
                HeadChannels = arguments.GetValue(headChannels),
                AttentionOrder = arguments.GetValue(order),
                LatentScale = arguments.GetValue(scale),
                Prediction = arguments.GetValue(prediction),
                BetaSchedule = arguments.GetValue(schedule),
                Steps = arguments.GetValue(steps),
                RescaleTimesteps = arguments.GetValue(rescale),
                BetaStart = arguments.GetValue(start),
                BetaEnd = arguments.GetValue(end),
                ClassLabel = arguments.GetValue(label),
                Conditioning = arguments.GetValue(conditioning),
            }, cancellation);
            Print(report);
            CliJson.Write(arguments.GetValue(json), report);
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static void Print(ConversionReport report)
    {
        Console.WriteLine($"{report.Id} from {report.Source} (SHA-256 {report.SourceSha256})");
        foreach (ConversionFinding finding in report.Findings)
        {
            Console.WriteLine($"  {finding.Name,-14} {finding.Value}  [{finding.Source}]");
        }

        if (report.LeftOut.Count > 0)
        {
            Console.WriteLine($"  {"left out",-14} {string.Join(", ", report.LeftOut.Select(part => $"{part.Key} ({part.Value})"))}");
        }

        if (report.Missing is { } missing)
        {
            Console.WriteLine($"  {"missing",-14} {missing}");
        }
    }
}
