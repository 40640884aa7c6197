using System.Security.Cryptography;
using System.Text;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;
using InverseSolver.Torch;

namespace InverseSolver.Diffusion;

/// <summary>A folder with a model in the diffusers layout: vae (or vqvae), unet, scheduler, and perhaps model.json.</summary>
public static class ModelPackage
{
    private const string UNetFolder = "unet", SchedulerFile = "scheduler/scheduler_config.json";

    /// <summary>Whether a folder looks like a package.</summary>
    public static bool IsPackage(string folder) => File.Exists(Path.Combine(folder, ModelCard.FileName)) || File.Exists(Path.Combine(folder, UNetFolder, Network.ConfigName));

    /// <summary>Reads what a package says of itself, without its weights.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <exception cref="InvalidModelException">A config is missing or cannot be used, or the card contradicts it.</exception>
    public static ModelInfo ReadInfo(string folder)
    {
        ModelCard card = ModelCard.Read(folder);
        string vae = AutoencoderFolder(folder);
        NetworkConfig vaeConfig = NetworkConfig.Read(Path.Combine(folder, vae, Network.ConfigName), $"{vae}/{Network.ConfigName}");
        NetworkConfig unetConfig = NetworkConfig.Read(Path.Combine(folder, UNetFolder, Network.ConfigName), $"{UNetFolder}/{Network.ConfigName}");
        DdimSchedule schedule = DdimSchedule.Read(Path.Combine(folder, SchedulerFile));
        bool quantised = vaeConfig.ClassName == "VQModel";
        int latent = vaeConfig.Int("latent_channels", quantised ? 3 : 4);
        int downsampling = 1 << (vaeConfig.Ints("block_out_channels", [64]).Length - 1);
        int unetMultiple = 1 << (unetConfig.Ints("block_out_channels", [1, 1, 1, 1]).Length - 1);
        bool conditional = unetConfig.ClassName == "UNet2DConditionModel";
        double? scale = vaeConfig.Has("scaling_factor") ? vaeConfig.Number("scaling_factor", 1) : quantised ? null : 0.18215;
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        ModelInfo info = new()
        {
            Id = card.Text("id") ?? name,
            Version = card.Text("version") ?? "1",
            Title = card.Text("title") ?? name,
            Domain = card.Text("domain") ?? "",
            Channels = vaeConfig.Int("in_channels", 3),
            SizeMultiple = downsampling * unetMultiple,
            NativeHeight = card.NativeSize?.Height,
            NativeWidth = card.NativeSize?.Width,
            LatentChannels = quantised ? vaeConfig.OptionalInt("vq_embed_dim") ?? latent : latent,
            LatentDownsampling = downsampling,

            // Packages with a codebook that name no factor were written before there was one, and their latents are unscaled.
            LatentScale = scale ?? card.Number("latentScale") ?? 1,
            PredictionType = schedule.PredictionType,
            TrainTimesteps = schedule.Noise.TrainTimesteps,
            RoundTripRmse = card.RoundTripRmse,
            ContextChannels = !conditional ? null : unetConfig.OptionalInt("encoder_hid_dim") ?? unetConfig.PerLevel("cross_attention_dim", unetConfig.Ints("block_out_channels", [1, 1, 1, 1]).Length)?[0] ?? 1280,
            NeedsClassLabels = unetConfig.Has("class_embed_type") || unetConfig.Has("num_class_embeds"),
            Licence = card.Text("licence"),
            Hash = Parts(vae, card).All(card.Sha256.ContainsKey) ? Combined(Parts(vae, card).Select(part => (part, card.Sha256[part]))) : null,
        };
        CheckAgreement(info, card, vaeConfig, unetConfig);
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
        string vae = AutoencoderFolder(folder);
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        Autoencoder? autoencoder = null;
        UNet? denoiser = null;
        ConsistencyNetwork? consistency = null;
        try
        {
            autoencoder = Network.LoadAutoencoder(Path.Combine(folder, vae), device, out string vaeHash);
            hashes[$"{vae}/{Network.WeightsName}"] = vaeHash;
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

    private static string AutoencoderFolder(string folder)
    {
        string? found = ((string[])["vae", "vqvae"]).FirstOrDefault(name => File.Exists(Path.Combine(folder, name, Network.ConfigName)));
        if (found is null)
        {
            throw new InvalidModelException(File.Exists(Path.Combine(folder, UNetFolder, Network.ConfigName))
                ? "The package has no autoencoder (vae/config.json); models that work on pixels are not supported."
                : "vae/config.json is missing: this is not a model package in the diffusers layout.");
        }

        return found;
    }

    private static string[] Parts(string vae, ModelCard card) =>
        [SchedulerFile, .. NetworkParts(UNetFolder), .. NetworkParts(vae), .. card.Consistency is null ? [] : NetworkParts(ConsistencyNetwork.Folder)];

    private static string[] NetworkParts(string folder) => [$"{folder}/{Network.ConfigName}", $"{folder}/{Network.WeightsName}"];

    private static string Combined(IEnumerable<(string Name, string Hash)> files) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(files.Select(f => f.Hash).Order(StringComparer.Ordinal).Select(h => h + "\n")))));

    private static void CheckAgreement(ModelInfo info, ModelCard card, NetworkConfig vae, NetworkConfig unet)
    {
        int ins = unet.Int("in_channels", unet.ClassName == "UNet2DModel" ? 3 : 4), outs = unet.Int("out_channels", unet.ClassName == "UNet2DModel" ? 3 : 4);
        if (ins != info.LatentChannels || outs != info.LatentChannels)
        {
            throw new InvalidModelException($"{unet.Name}: the denoiser goes from {ins} to {outs} channels, but the autoencoder's latent has {info.LatentChannels}.");
        }

        int decoded = vae.Int("out_channels", 3);
        if (decoded != info.Channels)
        {
            throw new InvalidModelException($"{vae.Name}: the autoencoder goes from {info.Channels} to {decoded} channels.");
        }

        if (info.LatentScale <= 0)
        {
            throw vae.Error("scaling_factor", "must be positive");
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

    private static void CheckNetworks(Autoencoder autoencoder, UNet denoiser, UNet? consistency)
    {
        if (denoiser.InChannels != autoencoder.LatentChannels)
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

        int channels = autoencoder.LatentChannels;
        if (consistency.InChannels != channels || consistency.OutChannels != channels || denoiser.SizeMultiple % consistency.SizeMultiple != 0)
        {
            throw new InvalidModelException($"The consistency network must go from {channels} to {channels} channels and take every size that the denoiser takes.");
        }

        if (consistency.NeedsClassLabels || consistency.ContextChannels is not null)
        {
            throw new InvalidModelException("The consistency network needs a context or class labels; such networks are not supported.");
        }
    }
}
