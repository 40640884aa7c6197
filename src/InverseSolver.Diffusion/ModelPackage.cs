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
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
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
            ContextChannels = !conditional ? null : unetConfig.OptionalInt("encoder_hid_dim") ?? unetConfig.PerLevel("cross_attention_dim", unetConfig.Ints("block_out_channels", [1, 1, 1, 1]).Length)?[0] ?? 1280,
            NeedsClassLabels = unetConfig.Has("class_embed_type") || unetConfig.Has("num_class_embeds"),
            Licence = card.Text("licence"),
            Hash = Parts(vae, card).All(card.Sha256.ContainsKey) ? Combined(Parts(vae, card).Select(part => (part, card.Sha256[part]))) : null,
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
        Denoiser? denoiser = null;
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

            foreach (string part in Parts(vae, card).Where(part => !hashes.ContainsKey(part)))
            {
                hashes[part] = ModelCard.HashOf(folder, part);
            }

            card.VerifyHashes(folder, hashes);
            CheckNetworks(autoencoder, denoiser, consistency?.Network);
            info = info with { Hash = Combined(Parts(vae, card).Select(part => (part, hashes[part]))), Precision = options.DenoiserType.ToString().ToLowerInvariant() };
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

    private static string[] Parts(string? vae, ModelCard card) =>
        [SchedulerFile, .. NetworkParts(UNetFolder), .. vae is null ? [] : NetworkParts(vae), .. card.Consistency is null ? [] : NetworkParts(ConsistencyNetwork.Folder)];

    private static string[] NetworkParts(string folder) => [$"{folder}/{Network.ConfigName}", $"{folder}/{Network.WeightsName}"];

    private static string Combined(IEnumerable<(string Name, string Hash)> files) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(files.Select(f => f.Hash).Order(StringComparer.Ordinal).Select(h => h + "\n")))));

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
