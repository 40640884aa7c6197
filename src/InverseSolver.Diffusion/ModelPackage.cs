using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;
using InverseSolver.Torch;

namespace InverseSolver.Diffusion;

/// <summary>
/// A folder with a model in the diffusers layout: vae (or vqvae), unet, scheduler, and perhaps model.json. Without an autoencoder it is a model in
/// pixel space, whose latent is the image on [-1,1].
/// </summary>
public static class ModelPackage
{
    private const string UNetFolder = "unet", SchedulerFile = "scheduler/scheduler_config.json", IndexFile = "model_index.json";
    private static readonly string[] _autoencoderFolders = ["vae", "vqvae"];

    /// <summary>Whether a folder looks like a package.</summary>
    public static bool IsPackage(string folder) => File.Exists(Path.Combine(folder, ModelCard.FileName)) || File.Exists(Path.Combine(folder, UNetFolder, Network.ConfigName));

    /// <summary>Reads what a package says of itself, without its weights.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <exception cref="InvalidModelException">A config is missing or cannot be used, or the card contradicts it.</exception>
    public static ModelInfo ReadInfo(string folder)
    {
        ModelCard card = ModelCard.Read(folder);
        string? vae = AutoencoderFolder(folder, card);
        NetworkConfig unetConfig = NetworkConfig.Read(Path.Combine(folder, UNetFolder, Network.ConfigName), $"{UNetFolder}/{Network.ConfigName}");
        DdimSchedule schedule = DdimSchedule.Read(Path.Combine(folder, SchedulerFile));
        AutoencoderShape shape = vae is null ? AutoencoderShape.OfPixels(unetConfig) : AutoencoderShape.Read(folder, vae);
        int unetMultiple = 1 << (unetConfig.Ints("block_out_channels", [1, 1, 1, 1]).Length - 1);
        bool conditional = unetConfig.ClassName == "UNet2DConditionModel";
        string name = NameOf(folder);
        ModelInfo info = new()
        {
            Id = card.Text("id") ?? name,
            Version = card.Text("version") ?? "1",
            Title = card.Text("title") ?? name,
            Domain = card.Text("domain") ?? "",
            Channels = shape.Channels,
            SizeMultiple = shape.Downsampling * unetMultiple,
            NativeHeight = card.NativeSize?.Height,
            NativeWidth = card.NativeSize?.Width,
            LatentChannels = shape.LatentChannels,
            LatentDownsampling = shape.Downsampling,

            // Packages with a codebook that name no factor were written before there was one, and their latents are unscaled.
            LatentScale = shape.Scale ?? card.Number("latentScale") ?? 1,
            PredictionType = schedule.PredictionType,
            TrainTimesteps = schedule.Noise.TrainTimesteps,
            RoundTripRmse = card.RoundTripRmse,
            HasConsistencyNetwork = card.Consistency is not null,
            ContextChannels = !conditional ? null : unetConfig.OptionalInt("encoder_hid_dim") ?? unetConfig.PerLevel("cross_attention_dim", unetConfig.Ints("block_out_channels", [1, 1, 1, 1]).Length)?[0] ?? 1280,
            NeedsClassLabels = unetConfig.Has("class_embed_type") || unetConfig.Has("num_class_embeds"),
            Licence = card.Text("licence"),
            Hash = DeclaredHash(folder, Parts(folder, vae, card), card),
        };
        CheckAgreement(info, card, unetConfig);
        return info;
    }

    /// <summary>Loads a package: every hash that its card lists is checked, once, here.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <param name="device">Where to put it.</param>
    /// <param name="options">How to load it.</param>
    /// <exception cref="InvalidModelException">Something in it cannot be used; nothing stays loaded.</exception>
    public static LatentModel Load(string folder, Device device = default, ModelOptions? options = null)
    {
        options ??= new ModelOptions();
        options.Check(device);
        ModelInfo info = ReadInfo(folder);
        ModelCard card = ModelCard.Read(folder);
        string? vae = AutoencoderFolder(folder, card);
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        Autoencoder? autoencoder = null;
        UNet? denoiser = null;
        ConsistencyNetwork? consistency = null;
        try
        {
            if (vae is not null)
            {
                autoencoder = Network.LoadAutoencoder(Path.Combine(folder, vae), device, out string vaeHash);
                hashes[$"{vae}/{Network.WeightsName}"] = vaeHash;
            }

            denoiser = Network.LoadUNet(Path.Combine(folder, UNetFolder), device, options.DenoiserType, out string unetHash);
            hashes[$"{UNetFolder}/{Network.WeightsName}"] = unetHash;
            if (card.Consistency is { } scaling)
            {
                UNet network = Network.LoadUNet(Path.Combine(folder, ConsistencyNetwork.Folder), device, options.DenoiserType, out string consistencyHash);
                hashes[$"{ConsistencyNetwork.Folder}/{Network.WeightsName}"] = consistencyHash;
                consistency = new ConsistencyNetwork(network, scaling.SigmaData, scaling.SigmaMin);
            }

            foreach (string part in Parts(folder, vae, card).Where(part => !hashes.ContainsKey(part)))
            {
                hashes[part] = ModelCard.HashOf(folder, part);
            }

            card.VerifyHashes(folder, hashes);
            CheckNetworks(autoencoder, denoiser, consistency?.Network);
            info = info with { Hash = Combined(Parts(folder, vae, card).Select(part => hashes[part])), Precision = options.PrecisionName };
            return new NetworkModel(info, autoencoder, denoiser, DdimSchedule.Read(Path.Combine(folder, SchedulerFile)), consistency);
        }
        catch
        {
            autoencoder?.Dispose();
            denoiser?.Dispose();
            consistency?.Dispose();
            throw;
        }
    }

    // Null for a model in pixel space. A package that speaks of an autoencoder and has none is broken, not one of those.
    private static string? AutoencoderFolder(string folder, ModelCard card)
    {
        if (_autoencoderFolders.FirstOrDefault(name => File.Exists(Path.Combine(folder, name, Network.ConfigName))) is { } found)
        {
            return found;
        }

        if (!File.Exists(Path.Combine(folder, UNetFolder, Network.ConfigName)))
        {
            throw new InvalidModelException($"{UNetFolder}/{Network.ConfigName} is missing: this is not a model package in the diffusers layout.");
        }

        string index = Path.Combine(folder, IndexFile);
        using JsonDocument? named = File.Exists(index) ? StrictJson.ParseFile(index, IndexFile) : null;
        return _autoencoderFolders.Any(name =>
                card.Sha256.Keys.Any(file => file.StartsWith(name + "/", StringComparison.Ordinal))
                || (named is { RootElement.ValueKind: JsonValueKind.Object } && named.RootElement.TryGetProperty(name, out _)))
            ? throw new InvalidModelException("The package names an autoencoder, but has none (vae/config.json).")
            : null;
    }

    /// <summary>The name of a package that has none of its own: its folder's, or in a cache of Hugging Face that of the repository, ORGANISATION--NAME.</summary>
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
    /// <exception cref="InvalidModelException">The card cannot be used.</exception>
    internal static string[] Parts(string folder)
    {
        ModelCard card = ModelCard.Read(folder);
        return Parts(folder, AutoencoderFolder(folder, card), card);
    }

    /// <summary>The model's hash from the hashes of its <see cref="Parts(string)"/>.</summary>
    internal static string Combined(IEnumerable<string> hashes) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(hashes.Order(StringComparer.Ordinal).Select(hash => hash + "\n")))));

    /// <summary>Bytes that the weights take once they are loaded, from the headers of their files.</summary>
    /// <exception cref="InvalidModelException">A file of weights is missing, or its header cannot be used.</exception>
    internal static long ExpectedBytes(string folder, ModelOptions options) => Parts(folder).Sum(part =>
    {
        if (Path.GetExtension(part) != ".safetensors")
        {
            return 0;
        }

        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, part));
        int element = _autoencoderFolders.Contains(part.Split('/')[0]) ? SafetensorsEntry.ElementBytes(ScalarType.Float32) : SafetensorsEntry.ElementBytes(options.DenoiserType);
        return file.Entries.Values.Sum(entry => entry.Length / SafetensorsEntry.ElementBytes(entry.Type) * element);
    });

    private static string? DeclaredHash(string folder, string[] parts, ModelCard card) => parts.All(part => part == ModelCard.FileName || card.Sha256.ContainsKey(part))
        ? Combined(parts.Select(part => part == ModelCard.FileName ? ModelCard.HashOf(folder, part) : card.Sha256[part]))
        : null;

    // The card is one of them: it says the round-trip error and perhaps the latent's scale, which results depend on.
    private static string[] Parts(string folder, string? vae, ModelCard card) =>
        [.. File.Exists(Path.Combine(folder, ModelCard.FileName)) ? [ModelCard.FileName] : Array.Empty<string>(), SchedulerFile, .. NetworkParts(UNetFolder), .. vae is null ? [] : NetworkParts(vae), .. card.Consistency is null ? [] : NetworkParts(ConsistencyNetwork.Folder)];

    private static string[] NetworkParts(string folder) => [$"{folder}/{Network.ConfigName}", $"{folder}/{Network.WeightsName}"];

    private static void CheckAgreement(ModelInfo info, ModelCard card, NetworkConfig unet)
    {
        int ins = unet.Int("in_channels", unet.ClassName == "UNet2DModel" ? 3 : 4), outs = unet.Int("out_channels", unet.ClassName == "UNet2DModel" ? 3 : 4);
        if (ins != info.LatentChannels || outs != info.LatentChannels)
        {
            throw new InvalidModelException($"{unet.Name}: the denoiser goes from {ins} to {outs} channels, but {(info.LatentDownsampling == 1 ? "the image" : "the autoencoder's latent")} has {info.LatentChannels}.");
        }

        if (info.LatentScale <= 0)
        {
            throw new InvalidModelException("The latent's scale (scaling_factor, latentScale) must be positive.");
        }

        card.MustSay("channels", info.Channels);
        card.MustSay("sizeMultiple", info.SizeMultiple);
        card.MustSay("latentChannels", info.LatentChannels);
        card.MustSay("latentDownsampling", info.LatentDownsampling);
        card.MustSay("latentScale", info.LatentScale);
        card.MustSay("trainTimesteps", info.TrainTimesteps);
        string prediction = info.PredictionType switch
        {
            PredictionType.VPrediction => "v_prediction",
            PredictionType.Sample => "sample",
            _ => "epsilon",
        };
        if (card.Text("predictionType") is { } said && said != prediction)
        {
            throw new InvalidModelException($"{ModelCard.FileName}: predictionType is {InvalidModelException.Quote(said)}, but the scheduler says '{prediction}'.");
        }
    }

    private static void CheckNetworks(Autoencoder? autoencoder, UNet denoiser, UNet? consistency)
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
            throw new InvalidModelException($"The consistency network must go from {channels} to {channels} channels and take every size that the denoiser takes.");
        }

        if (consistency.NeedsClassLabels || consistency.ContextChannels is not null)
        {
            throw new InvalidModelException("The consistency network needs a context or class labels; such networks are not supported.");
        }
    }

    /// <summary>What an autoencoder's config says; the scale is null where it says nothing of it.</summary>
    private sealed record AutoencoderShape(int Channels, int LatentChannels, int Downsampling, double? Scale)
    {
        internal static AutoencoderShape Read(string folder, string vae)
        {
            NetworkConfig config = NetworkConfig.Read(Path.Combine(folder, vae, Network.ConfigName), $"{vae}/{Network.ConfigName}");
            bool quantised = config.ClassName == "VQModel";
            int channels = config.Int("in_channels", 3), decoded = config.Int("out_channels", 3), latent = config.Int("latent_channels", quantised ? 3 : 4);
            return decoded == channels
                ? new AutoencoderShape(
                    channels,
                    quantised ? config.OptionalInt("vq_embed_dim") ?? latent : latent,
                    1 << (config.Ints("block_out_channels", [64]).Length - 1),
                    config.Has("scaling_factor") ? config.Number("scaling_factor", 1) : quantised ? null : 0.18215)
                : throw new InvalidModelException($"{config.Name}: the autoencoder goes from {channels} to {decoded} channels.");
        }

        /// <summary>The identity: a denoiser of images.</summary>
        internal static AutoencoderShape OfPixels(NetworkConfig unet)
        {
            int channels = unet.Int("in_channels", unet.ClassName == "UNet2DModel" ? 3 : 4);
            return unet.ClassName == "UNet2DModel" && channels is 1 or 3
                ? new AutoencoderShape(channels, channels, 1, 1)
                : throw new InvalidModelException($"{unet.Name}: the package has no autoencoder, and a {InvalidModelException.Quote(unet.ClassName)} of {channels} channels is no model of grey or colour images.");
        }
    }
}
