using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Cli.Convert;

/// <summary>
/// Makes a model package of a checkpoint of latent-diffusion, Stable Diffusion 1 or 2, or guided diffusion. The package is written beside its final place,
/// loaded once, and only then given its name.
/// </summary>
internal static class CheckpointConversion
{
    private const string Denoiser = "model.diffusion_model.";
    private const string FirstStage = "first_stage_model.";
    private const string ClassTable = "cond_stage_model.embedding.weight";
    private const string ConditioningFile = "conditioning.safetensors";

    // ImageNet's classes and one for none.
    private const int ClassesWithNone = 1001;

    private static readonly string[] Used = ["betas", "scale_factor", ClassTable];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Converts a checkpoint.</summary>
    /// <param name="checkpoint">The file: .ckpt, .pt, .pth as torch.save writes them, or a safetensors copy with the same names.</param>
    /// <param name="output">The package's folder, which must not exist; its name becomes the model's id.</param>
    /// <param name="options">Settings that the file does not state.</param>
    /// <param name="cancellation">Checked before each tensor; written files are removed at once.</param>
    /// <exception cref="InvalidModelException">The file cannot be converted, or the folder exists; nothing is left behind.</exception>
    public static ConversionReport Run(string checkpoint, string output, ConversionOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= new ConversionOptions();
        options.Check();
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)), id = Path.GetFileName(target);
        if (Directory.Exists(target) || File.Exists(target))
        {
            throw new InvalidModelException($"{id} exists already; a package is never overwritten.");
        }

        using Checkpoint file = Checkpoint.Open(checkpoint);
        string parent = Directory.CreateDirectory(Path.GetDirectoryName(target)!).FullName, folder = Path.Combine(parent, $".{id}.{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);

        // The process may be ended before this method has come to its end.
        using CancellationTokenRegistration stopped = cancellation.Register(() => Discard(folder));
        try
        {
            var conversion = new Conversion(file, options, folder, id, cancellation);
            ConversionReport report = conversion.Write();
            ModelPackage.Load(folder).Dispose();
            cancellation.ThrowIfCancellationRequested();
            Directory.Move(folder, target);
            return report;
        }
        catch
        {
            Discard(folder);
            cancellation.ThrowIfCancellationRequested();
            throw;
        }
    }

    private static void Discard(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException)
        {
            // The folder is gone, or another writer uses it and comes here next.
        }
    }

    private sealed class Conversion(Checkpoint file, ConversionOptions options, string folder, string id, CancellationToken cancellation)
    {
        private readonly Dictionary<string, string> _hashes = new(StringComparer.Ordinal);
        private readonly List<ConversionFinding> _findings = [];

        internal ConversionReport Write()
        {
            bool pixels = file.Tensors.ContainsKey("input_blocks.0.0.weight");
            bool averaged = !options.Raw && file.Tensors.Keys.Any(name => name.StartsWith("model_ema.diffusion_model", StringComparison.Ordinal));
            var denoiser = new CheckpointPart(file, pixels ? "" : Denoiser, averaged && !pixels);
            if (denoiser.IsEmpty)
            {
                const string First = "input_blocks.0.0.weight";
                string latents = NetworkWeights.Prefixed(Denoiser + First, file.Tensors.Keys);
                string wrapped = latents.Length > 0 ? latents : NetworkWeights.Prefixed(First, file.Tensors.Keys);
                throw new InvalidModelException($"{file.Name} has no denoiser: no tensor's name begins with {Denoiser} or input_blocks{wrapped}.");
            }

            var unet = new CompVisUNet(denoiser);
            var first = new CheckpointPart(file, FirstStage);
            CompVisAutoencoder? autoencoder = pixels ? null : !first.IsEmpty ? new CompVisAutoencoder(first)
                : throw new InvalidModelException($"{file.Name} has no autoencoder: no tensor's name begins with {FirstStage}");
            bool classes = file.Tensors.ContainsKey(ClassTable);
            var settings = new CompVisSettings(file, unet, CompVisFamily.Of(unet, autoencoder, classes), options);
            string weights = averaged ? "ema" : "raw";
            Describe(unet, autoencoder, weights);
            ConvertedNetwork network = unet.Convert(settings.Heads, settings.NewAttentionOrder);
            ConvertedNetwork? vae = autoencoder?.Convert(settings.LatentScale);
            Bound(network.Bytes + (vae?.Bytes ?? 0));
            WriteNetwork("unet", network);
            if (vae is not null)
            {
                WriteNetwork("vae", vae);
            }

            WriteJson("scheduler/scheduler_config.json", settings.Scheduler);
            (JsonObject? conditioning, string? missing) = Conditioning(unet, classes);
            _findings.AddRange(settings.Findings);
            string source = file.Sha256();
            WriteCard(settings, autoencoder, conditioning, weights, source);
            return new ConversionReport(id, file.Name, source, weights, _findings, LeftOut(pixels), missing);
        }

        private void Describe(CompVisUNet unet, CompVisAutoencoder? autoencoder, string weights)
        {
            bool hasAverage = weights == "ema";
            Found(
                "weights", hasAverage ? "moving average (EMA)" : "as trained (raw)",
                options.Raw ? "option" : hasAverage ? "checkpoint" : "checkpoint, which has no moving average");
            Found(
                "denoiser",
                $"{string.Join(", ", unet.Channels)} channels, {unet.LayersPerLevel} blocks a level"
                    + (unet.ContextChannels is { } width ? $", context of {width}" : "")
                    + (unet.OutChannels > unet.InChannels ? ", learned variance left out" : ""),
                "shapes");
            Found(
                "autoencoder",
                autoencoder is null
                    ? "none: a model of pixels"
                    : $"{(autoencoder.Quantised ? "VQ" : "KL")}-{autoencoder.Downsampling}, latent of {autoencoder.LatentChannels} channels",
                "shapes");
        }

        private void Found(string name, string value, string whence) => _findings.Add(new ConversionFinding(name, value, whence));

        // Tensors may share their storage, so that a small file could become a large package.
        private void Bound(long bytes)
        {
            if (bytes > file.Length)
            {
                throw new InvalidModelException($"{file.Name}: its tensors have {bytes} bytes in all, more than the file.");
            }
        }

        private void WriteNetwork(string name, ConvertedNetwork network)
        {
            WriteJson($"{name}/{Network.ConfigName}", network.Config);
            string path = $"{name}/{Network.WeightsName}";
            _hashes[path] = network.WriteWeights(Path.Combine(folder, path), cancellation);
        }

        private void WriteJson(string path, JsonObject json)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(json.ToJsonString(Indented) + "\n");
            string place = Path.Combine(folder, path);
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.WriteAllBytes(place, bytes);
            _hashes[path] = System.Convert.ToHexStringLower(SHA256.HashData(bytes));
        }

        private (JsonObject? Card, string? Missing) Conditioning(CompVisUNet unet, bool classes)
        {
            if (unet.Classes is { } count)
            {
                return (new JsonObject { ["classLabel"] = Class(count, null) }, null);
            }

            if (unet.ContextChannels is null)
            {
                return options.ClassLabel is null && options.Conditioning is null
                    ? (null, null)
                    : throw new InvalidModelException($"{file.Name}: the denoiser is unconditional; leave out --class and --conditioning.");
            }

            if (options.Conditioning is { } source)
            {
                if (!File.Exists(source))
                {
                    throw new InvalidModelException($"{Path.GetFileName(source)} is missing.");
                }

                File.Copy(source, Path.Combine(folder, ConditioningFile));
                _hashes[ConditioningFile] = ModelCard.HashOf(folder, ConditioningFile);
                Found("conditioning", Path.GetFileName(source), "option");
            }
            else if (classes)
            {
                WriteClass(unet);
            }
            else
            {
                return (
                    null,
                    $"It needs a context of {unet.ContextChannels} channels, such as the empty prompt's embedding: "
                        + $"{ConditioningFile} in its folder (docs/models.md), or --conditioning here.");
            }

            return (new JsonObject { ["file"] = ConditioningFile }, null);
        }

        private int Class(int count, int? none)
        {
            int label = options.ClassLabel ?? none
                ?? throw new InvalidModelException($"{file.Name}: the denoiser needs one of {count} classes: --class, from 0 to {count - 1}.");
            Found(
                "class", label == none ? $"{label}, which means no class" : label.ToString(CultureInfo.InvariantCulture),
                options.ClassLabel is null ? "assumed: ImageNet's classes and one for none" : "option");
            return label >= 0 && label < count
                ? label
                : throw new InvalidModelException($"{file.Name}: --class is {label}; there are {count} classes, from 0.");
        }

        private void WriteClass(CompVisUNet unet)
        {
            CheckpointTensor table = file.Tensors[ClassTable];
            if (table.Shape is not [> 0 and <= int.MaxValue, var width] || width != unet.ContextChannels)
            {
                throw new InvalidModelException(
                    $"{file.Name}: {ClassTable} has the shape {table.ShapeText}; the denoiser takes {unet.ContextChannels} channels.");
            }

            int count = (int)table.Shape[0], label = Class(count, count == ClassesWithNone ? count - 1 : null);
            int bytes = (int)(SafetensorsEntry.ElementBytes(table.Type) * width);
            Func<byte[]> Row(int index) => () => file.Read(table).AsSpan(index * bytes, bytes).ToArray();
            var rows = new List<(string, string, long[], Func<byte[]>)> { ("embedding", table.Type, [1, width], Row(label)) };
            if (count == ClassesWithNone)
            {
                rows.Add(("unconditional", table.Type, [1, width], Row(count - 1)));
            }

            _hashes[ConditioningFile] = SafetensorsWriter.Write(Path.Combine(folder, ConditioningFile), rows);
        }

        private void WriteCard(CompVisSettings settings, CompVisAutoencoder? autoencoder, JsonObject? conditioning, string weights, string source)
        {
            var card = new JsonObject
            {
                ["id"] = id,
                ["title"] = $"{id}, converted from {file.Name}",
                ["latentScale"] = settings.LatentScale,
                ["predictionType"] = settings.Prediction,
            };
            if (options.Config?.LatentSize is { } size)
            {
                int pixels = size * (autoencoder?.Downsampling ?? 1);
                card["nativeSize"] = new JsonArray(pixels, pixels);
            }

            if (conditioning is not null)
            {
                card["conditioning"] = conditioning;
            }

            card["conversion"] = new JsonObject
            {
                ["source"] = file.Name,
                ["sourceSha256"] = source,
                ["format"] = file.Format,
                ["weights"] = weights,
                ["findings"] = new JsonArray(
                    [.. _findings.Select(finding =>
                        (JsonNode)new JsonObject { ["name"] = finding.Name, ["value"] = finding.Value, ["source"] = finding.Source })]),
            };
            card["sha256"] = new JsonObject(
                _hashes.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
            WriteJson(ModelCard.FileName, card);
        }

        // Buffers of the training, the network behind the context, the autoencoder's discriminator, and averages that were not asked for.
        private Dictionary<string, int> LeftOut(bool pixels) => pixels ? [] : file.Tensors.Keys
            .Where(name =>
                !name.StartsWith(Denoiser, StringComparison.Ordinal) && !Used.Contains(name)
                    && !(name.StartsWith("model_ema.", StringComparison.Ordinal) && !options.Raw)
                && (!name.StartsWith(FirstStage, StringComparison.Ordinal) || CompVisAutoencoder.IsLeftOut(name[FirstStage.Length..])))
            .GroupBy(name => string.Join('.', name.Split('.')[..(name.StartsWith(FirstStage, StringComparison.Ordinal) ? 2 : 1)]), StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
    }
}
