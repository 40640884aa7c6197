using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>Reads a network's folder: config.json, and the weights as one safetensors file or as shards (<see cref="WeightFiles"/>).</summary>
public static class Network
{
    /// <summary>The config's file name.</summary>
    public const string ConfigName = "config.json";

    /// <summary>The weights' file name, where they are one file in full precision.</summary>
    public const string WeightsName = "diffusion_pytorch_model.safetensors";

    // Settings of a moving average: diffusers' EMAModel saves them in the averaged network's config.
    private static readonly string[] Averaging = ["decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step", "use_ema_warmup"];

    /// <summary>Loads an AutoencoderKL or a VQModel, in float32.</summary>
    /// <param name="folder">The network's folder.</param>
    /// <param name="device">The device.</param>
    /// <exception cref="InvalidModelException">The config or the weights cannot be used; nothing stays loaded.</exception>
    public static Autoencoder LoadAutoencoder(string folder, Device device) => LoadAutoencoder(folder, device, new ModelOptions(), null, out _);

    /// <summary>Loads a UNet2DModel or a UNet2DConditionModel.</summary>
    /// <param name="folder">The network's folder.</param>
    /// <param name="device">The device.</param>
    /// <param name="type">The element type.</param>
    /// <exception cref="InvalidModelException">The config or the weights cannot be used; nothing stays loaded.</exception>
    public static UNet LoadUNet(string folder, Device device, ScalarType type = ScalarType.Float32) =>
        LoadUNet(folder, device, new ModelOptions { DenoiserType = type }, null, out _);

    internal static Autoencoder LoadAutoencoder(
        string folder, Device device, ModelOptions options, string? variant, out IReadOnlyDictionary<string, string> hashes)
    {
        (Autoencoder network, hashes) = Load<Autoencoder>(
            folder, device, options with { DenoiserType = ScalarType.Float32 }, variant, (config, weights) => config.ClassName switch
        {
            "AutoencoderKL" => AutoencoderKL.Build(config, weights),
            "VQModel" => VQModel.Build(config, weights),
            _ => throw Unknown(config, "AutoencoderKL or VQModel"),
        });
        return network;
    }

    internal static UNet LoadUNet(string folder, Device device, ModelOptions options, string? variant, out IReadOnlyDictionary<string, string> hashes)
    {
        (UNet network, hashes) = Load<UNet>(folder, device, options, variant, (config, weights) => config.ClassName switch
        {
            "UNet2DModel" => UNet2DModel.Build(config, weights),
            "UNet2DConditionModel" => UNet2DConditionModel.Build(config, weights),
            _ => throw Unknown(config, "UNet2DModel or UNet2DConditionModel"),
        });
        return network;
    }

    private static (T Network, IReadOnlyDictionary<string, string> Hashes) Load<T>(
        string folder, Device device, ModelOptions options, string? variant, Func<NetworkConfig, NetworkWeights, T> build)
    {
        NetworkConfig config = NetworkConfig.Read(Path.Combine(folder, ConfigName), Label(folder, ConfigName));
        using WeightFiles files = WeightFiles.Open(folder, variant);
        using var grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        var weights = new NetworkWeights(files, device, options.DenoiserType, options.ChannelsLast);
        try
        {
            T network = build(config, weights);
            config.Ignore(Averaging);
            config.Finish();
            weights.Finish();
            files.CheckUnchanged();
            return (network, files.Hashes);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private static string Label(string folder, string file) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) + "/" + file;

    private static InvalidModelException Unknown(NetworkConfig config, string wanted) =>
        new($"{config.Name}: the class {InvalidModelException.Quote(config.ClassName)} is not known; here it must be {wanted}.");
}
