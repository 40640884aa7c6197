using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InverseSolver.Diffusion.Backends;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Packages;

/// <summary>
/// A folder with a model in the diffusers layout: vae (or vqvae), unet, scheduler, and perhaps model.json. Without an autoencoder it is a model in
/// pixel space, whose latent is the image on [-1,1]. Networks may instead be files of TorchScript or ONNX: <see cref="PackageLayout"/>.
/// </summary>
public static class ModelPackage
{
    private const string SchedulerFile = "scheduler/scheduler_config.json", IndexFile = "model_index.json";

    /// <summary>True where a folder looks like a package, or like a repository that would be one with its files in the right places.</summary>
    public static bool IsPackage(string folder) =>
        File.Exists(Path.Combine(folder, ModelCard.FileName)) || PackageLayout.HasDenoiser(folder) || PackageLayout.IsFlat(folder);

    /// <summary>Reads the description of a package, without its weights.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <exception cref="InvalidModelException">A config is missing or cannot be used, or the card contradicts it.</exception>
    public static ModelInfo ReadInfo(string folder)
    {
        ModelCard card = ModelCard.Read(folder);
        PackageLayout layout = ReadLayout(folder, card);
        NetworkConfig? unetConfig = UNetConfig(folder, layout);
        SchedulerConfig scheduler = SchedulerConfig.Read(Path.Combine(folder, SchedulerFile));
        (DenoiserShape denoiser, AutoencoderShape shape) = Shapes(folder, card, layout, unetConfig);
        (long Height, long Width)? fixedSize = FixedSize(denoiser, shape);
        string name = NameOf(folder);
        (ConditioningInfo? conditioning, string? missing) = Conditioning.Describe(folder, card, denoiser, unetConfig);
        string[] parts = Parts(folder, layout, card, conditioning);
        ModelInfo info = new()
        {
            Id = card.Text("id") ?? name,
            Version = card.Text("version") ?? "1",
            Title = card.Text("title") ?? name,
            Domain = card.Text("domain") ?? "",
            Channels = shape.Channels,
            SizeMultiple = fixedSize is { } only ? (int)FixedSizes.Multiple(only) : shape.Downsampling * denoiser.SizeMultiple,
            FixedHeight = (int?)fixedSize?.Height,
            FixedWidth = (int?)fixedSize?.Width,
            NativeHeight = card.NativeSize?.Height,
            NativeWidth = card.NativeSize?.Width,
            LatentChannels = shape.LatentChannels,
            LatentDownsampling = shape.Downsampling,

            // Packages with a codebook that name no factor were written before there was one, and their latents are unscaled.
            LatentScale = shape.Scale ?? card.Number("latentScale") ?? 1,
            PredictionType = scheduler.PredictionType,
            TrainTimesteps = scheduler.Noise.TrainTimesteps,
            RoundTripRmse = card.RoundTripRmse,
            Noise = scheduler.Noise,
            FeatureChannels = FeatureChannels(folder, layout, unetConfig, shape.Downsampling),
            HasConsistencyNetwork = card.Consistency is not null,
            ContextChannels = denoiser.ContextChannels,
            NeedsClassLabels = denoiser.NeedsClassLabels,
            Backends = new ModelBackends(Said(layout.Denoiser)!, Said(layout.Decoder), Said(layout.Encoder)),
            Gradients = layout.Gradients,
            Conditioning = conditioning,
            Missing = missing,
            TimestepSpacing = scheduler.Spacing,
            SetAlphaToOne = scheduler.SetAlphaToOne,
            Licence = card.Text("licence"),
            Hash = parts.All(card.Sha256.ContainsKey) ? Combined(card, parts.Select(part => card.Sha256[part])) : null,
        };
        CheckAgreement(info, card, denoiser, scheduler);
        return info;
    }

    /// <summary>Loads a package: every hash that its card lists is checked, once, here.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <param name="device">The device.</param>
    /// <param name="options">The options for loading it.</param>
    /// <exception cref="InvalidModelException">Something in it cannot be used; nothing stays loaded.</exception>
    public static LatentModel Load(string folder, Device? device = null, ModelOptions? options = null)
    {
        device ??= torch.CPU;
        options ??= new ModelOptions();
        options.Check(device);
        ModelInfo info = ReadInfo(folder);
        ModelCard card = ModelCard.Read(folder);
        PackageLayout layout = ReadLayout(folder, card);
        string[] parts = Parts(folder, layout, card, info.Conditioning);
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        Autoencoder? autoencoder = null;
        Denoiser? denoiser = null;
        ConsistencyModel? consistency = null;
        Conditioning? conditioning = null;
        try
        {
            // A file that another library reads is compared with its hash before it does.
            foreach (string file in layout.Files(folder))
            {
                hashes[file] = card.VerifiedHashOf(folder, file);
            }

            (DenoiserShape shape, AutoencoderShape images) = Shapes(folder, card, layout, UNetConfig(folder, layout));
            if (layout.OwnAutoencoder is { } vae)
            {
                autoencoder = Network.LoadAutoencoder(
                    Path.Combine(folder, vae), device, options, card.Variant, out IReadOnlyDictionary<string, string> vaeHashes);
                Keep(vae, vaeHashes);
            }

            autoencoder = FileNetworks.Autoencoder(folder, layout, autoencoder, images, shape.SizeMultiple, device);
            denoiser = FileNetworks.Denoiser(folder, layout, shape, device);
            if (denoiser is null)
            {
                denoiser = Network.LoadUNet(
                    Path.Combine(folder, layout.Denoiser.Folder), device, options, card.Variant, out IReadOnlyDictionary<string, string> unetHashes);
                Keep(layout.Denoiser.Folder, unetHashes);
            }

            if (card.Consistency is { } scaling)
            {
                UNet network = Network.LoadUNet(
                    Path.Combine(folder, ConsistencyModel.Folder), device, options, card.Variant, out IReadOnlyDictionary<string, string> consistencyHashes);
                Keep(ConsistencyModel.Folder, consistencyHashes);
                consistency = new ConsistencyModel(network, scaling.SigmaData, scaling.SigmaMin);
            }

            if (info.Conditioning is { } condition)
            {
                conditioning = Conditioning.Load(folder, condition, denoiser.ContextChannels, device, out string? conditioningHash);
                if (conditioningHash is not null)
                {
                    hashes[condition.File!] = conditioningHash;
                }
            }

            foreach (string part in parts.Where(part => !hashes.ContainsKey(part)))
            {
                hashes[part] = ModelCard.HashOf(folder, part);
            }

            card.VerifyHashes(folder, hashes);
            CheckNetworks(autoencoder, denoiser, consistency?.Network);
            Backend.Synchronize(device);
            ScalarType computed = (denoiser as FileDenoiser)?.Type ?? options.DenoiserType;
            info = info with { Hash = Combined(card, parts.Select(part => hashes[part])), Precision = ModelOptions.NameOf(computed) };
            return new NetworkModel(info, autoencoder, denoiser, SchedulerConfig.Read(Path.Combine(folder, SchedulerFile)), consistency, conditioning);
        }
        catch
        {
            conditioning?.Dispose();
            autoencoder?.Dispose();
            denoiser?.Dispose();
            consistency?.Dispose();
            throw;
        }

        void Keep(string network, IReadOnlyDictionary<string, string> taken)
        {
            foreach ((string file, string hash) in taken)
            {
                hashes[$"{network}/{file}"] = hash;
            }
        }
    }

    // A package that speaks of an autoencoder and has none is broken, not one in pixel space.
    private static PackageLayout ReadLayout(string folder, ModelCard card)
    {
        PackageLayout layout = PackageLayout.Read(folder, card);
        if (layout.Decoder is not null)
        {
            return layout;
        }

        string index = Path.Combine(folder, IndexFile);
        using JsonDocument? named = File.Exists(index) ? StrictJson.ParseFile(index, IndexFile) : null;
        return PackageLayout.AutoencoderFolders.Any(name =>
                card.Sha256.Keys.Any(file => file.StartsWith(name + "/", StringComparison.Ordinal))
                || (named is { RootElement.ValueKind: JsonValueKind.Object } && named.RootElement.TryGetProperty(name, out _)))
            ? throw new InvalidModelException("The package names an autoencoder, but has none (vae/config.json).")
            : layout;
    }

    /// <summary>The name of a package without an id: its folder's, or in a cache of Hugging Face that of the repository, ORGANISATION--NAME.</summary>
    internal static string NameOf(string folder)
    {
        const string Repository = "models--", Snapshots = "snapshots";
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return Path.GetDirectoryName(full) is { } parent && Path.GetFileName(parent) == Snapshots
            && Path.GetFileName(Path.GetDirectoryName(parent)) is { } name && name.StartsWith(Repository, StringComparison.Ordinal)
                ? name[Repository.Length..]
                : Path.GetFileName(full);
    }

    /// <summary>The files that make up the model, named from the package's folder. Their hashes make its hash.</summary>
    /// <exception cref="InvalidModelException">The card or an index cannot be used.</exception>
    internal static string[] Parts(string folder, ModelInfo info)
    {
        ModelCard card = ModelCard.Read(folder);
        return Parts(folder, ReadLayout(folder, card), card, info.Conditioning);
    }

    /// <summary>The model's hash from those of its <see cref="Parts(string, ModelInfo)"/> and the settings in its card.</summary>
    internal static string Combined(string folder, IEnumerable<string> hashes) => Combined(ModelCard.Read(folder), hashes);

    /// <summary>Bytes of the loaded weights: from the headers of safetensors files, else the size of the files.</summary>
    /// <exception cref="InvalidModelException">A file of weights is missing, or its header cannot be used.</exception>
    internal static long ExpectedBytes(string folder, IEnumerable<string> parts, ModelOptions options) => parts.Sum(part =>
    {
        string path = Path.Combine(folder, part);
        if (Path.GetExtension(part) != ".safetensors")
        {
            return Path.GetExtension(part) == ".json" ? 0 : ModelFile.StampOf(path)?.Bytes ?? throw new InvalidModelException($"{part} is missing.");
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        ScalarType type = PackageLayout.AutoencoderFolders.Contains(part.Split('/')[0]) ? ScalarType.Float32 : options.DenoiserType;
        return file.Entries.Values.Sum(entry => entry.Length / SafetensorsEntry.ElementBytes(entry.Type) * SafetensorsEntry.ElementBytes(type));
    });

    // A network in a file needs none.
    private static NetworkConfig? UNetConfig(string folder, PackageLayout layout)
    {
        string name = $"{layout.Denoiser.Folder}/{Network.ConfigName}", path = Path.Combine(folder, layout.Denoiser.Folder, Network.ConfigName);
        return layout.Denoiser.File is null || File.Exists(path) ? NetworkConfig.Read(path, name) : null;
    }

    private static (DenoiserShape Denoiser, AutoencoderShape Autoencoder) Shapes(string folder, ModelCard card, PackageLayout layout, NetworkConfig? unetConfig)
    {
        AutoencoderShape? shape = AutoencoderShape.Read(folder, card, layout);
        DenoiserShape denoiser = DenoiserShape.Read(folder, card, layout.Denoiser, unetConfig, shape);
        return (denoiser, shape ?? AutoencoderShape.OfPixels(denoiser, unetConfig?.ClassName));
    }

    // A UNet's own count for as much less as its latent is smaller than the image.
    private static int? FeatureChannels(string folder, PackageLayout layout, NetworkConfig? unetConfig, int downsampling)
    {
        int? denoiser = unetConfig?.Ints("block_out_channels", [224]).FirstOrDefault() / (downsampling * downsampling);
        if (layout.OwnAutoencoder is not { } vae) return downsampling == 1 ? denoiser : null;
        NetworkConfig config = NetworkConfig.Read(Path.Combine(folder, vae, Network.ConfigName), $"{vae}/{Network.ConfigName}");
        return Math.Max(denoiser ?? 0, config.Ints("block_out_channels", [64]).FirstOrDefault());
    }

    // The size of images that some file fixes, in pixels.
    private static (long Height, long Width)? FixedSize(DenoiserShape denoiser, AutoencoderShape shape)
    {
        (long, long)? latents = denoiser.FixedSize is { } size ? (size.Height * shape.Downsampling, size.Width * shape.Downsampling) : null;
        return latents is not null && shape.FixedSize is not null && latents != shape.FixedSize
            ? throw new InvalidModelException($"{denoiser.Name} is for images of {latents}, the autoencoder for images of {shape.FixedSize}.")
            : latents ?? shape.FixedSize;
    }

    private static string? Said(NetworkPart? part) => part?.Backend.ToString().ToLowerInvariant();

    private static string[] Parts(string folder, PackageLayout layout, ModelCard card, ConditioningInfo? conditioning) =>
    [
        SchedulerFile,
        .. new[]
            {
                layout.Denoiser.File is null ? layout.Denoiser.Folder : null, layout.OwnAutoencoder,
                card.Consistency is null ? null : ConsistencyModel.Folder,
            }
            .OfType<string>()
            .SelectMany(network =>
                WeightFiles.Names(Path.Combine(folder, network), card.Variant).Prepend(Network.ConfigName).Select(file => $"{network}/{file}")),
        .. layout.Files(folder),
        .. conditioning?.File is { } file ? (string[])[file] : [],
    ];

    private static string Combined(ModelCard card, IEnumerable<string> hashes) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(
            hashes.Concat(card.SettingsHash is { } settings ? [settings] : []).Select(h => h + "\n")))));

    private static void CheckAgreement(ModelInfo info, ModelCard card, DenoiserShape denoiser, SchedulerConfig scheduler)
    {
        bool learned = denoiser.OutChannels == 2 * denoiser.InChannels && scheduler.LearnedVariance;
        if (denoiser.InChannels != info.LatentChannels || (denoiser.OutChannels != info.LatentChannels && !learned))
        {
            string more = denoiser.InChannels > denoiser.OutChannels
                ? " (in_channels): it takes an image or a mask beside the latent, as for inpainting, super-resolution, "
                    + "depth or image conditioning; such models are not supported"
                : "";
            throw new InvalidModelException(
                $"{denoiser.Name}: the denoiser goes from {denoiser.InChannels} to {denoiser.OutChannels} channels, "
                    + $"but {(info.LatentDownsampling == 1 ? "the image" : "the autoencoder's latent")} has {info.LatentChannels}{more}.");
        }

        if (info.PredictionType == PredictionType.Epsilon && scheduler.Noise.AlphasCumprod[^1] == 0)
        {
            throw new InvalidModelException(
                $"{SchedulerFile}: rescale_betas_zero_snr leaves no signal at the last timestep, where predicted noise carries no information on the image; "
                    + "such a model must predict v_prediction or sample.");
        }

        if (info.LatentScale <= 0)
        {
            throw new InvalidModelException("The latent's scale (scaling_factor, latentScale) must be positive.");
        }

        card.CheckEqual("channels", info.Channels);
        card.CheckEqual("sizeMultiple", info.SizeMultiple);
        card.CheckEqual("latentChannels", info.LatentChannels);
        card.CheckEqual("latentDownsampling", info.LatentDownsampling);
        card.CheckEqual("latentScale", info.LatentScale);
        card.CheckEqual("trainTimesteps", info.TrainTimesteps);
        string prediction = info.PredictionType switch
        {
            PredictionType.VPrediction => "v_prediction",
            PredictionType.Sample => "sample",
            _ => "epsilon",
        };
        if (card.Text("predictionType") is { } stated && stated != prediction)
        {
            throw new InvalidModelException(
                $"{ModelCard.FileName}: predictionType is {InvalidModelException.Quote(stated)}, but the scheduler says '{prediction}'.");
        }
    }

    private static void CheckNetworks(Autoencoder? autoencoder, Denoiser denoiser, Denoiser? consistency)
    {
        if (autoencoder is not null && denoiser.InChannels != autoencoder.LatentChannels)
        {
            throw new InvalidModelException($"The denoiser takes {denoiser.InChannels} channels, the autoencoder's latent has {autoencoder.LatentChannels}.");
        }

        if (denoiser.NeedsClassLabels && denoiser.ContextChannels is not null)
        {
            throw new InvalidModelException("The denoiser needs both a context and class labels; such models are not supported.");
        }

        if (consistency is null)
        {
            return;
        }

        int channels = denoiser.InChannels;
        if (consistency.InChannels != channels || consistency.OutChannels != channels || denoiser.SizeMultiple % consistency.SizeMultiple != 0)
        {
            throw new InvalidModelException(
                $"The consistency network must go from {channels} to {channels} channels and take every size that the denoiser takes.");
        }

        if (consistency.NeedsClassLabels || consistency.ContextChannels is not null)
        {
            throw new InvalidModelException("The consistency network needs a context or class labels; such networks are not supported.");
        }
    }
}
