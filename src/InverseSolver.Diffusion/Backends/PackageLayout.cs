using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Diffusion.Backends;

/// <summary>What runs a network.</summary>
internal enum PartBackend
{
    LibTorch,
    TorchScript,
    Onnx,
}

/// <summary>A network of a package.</summary>
/// <param name="Folder">Its folder in the package.</param>
/// <param name="Backend">What runs it.</param>
internal sealed record NetworkPart(string Folder, PartBackend Backend)
{
    /// <summary>The file that holds the network, as messages show it; null where libtorch builds it from a config and weights.</summary>
    internal string? File => Backend == PartBackend.LibTorch ? null : $"{Folder}/{NameOf(Backend)}";

    internal static string NameOf(PartBackend backend) => backend == PartBackend.Onnx ? OnnxFile.FileName : TorchScriptArchive.FileName;
}

/// <summary>
/// Which network of a package lies where, and what runs it: libtorch where there are weights, else TorchScript, else ONNX, unless the card says otherwise
/// (<c>"backend": {"unet": "onnx"}</c>). Files of TorchScript and ONNX lie as Hugging Face Optimum writes them: unet, vae_encoder, vae_decoder.
/// </summary>
/// <param name="Denoiser">The denoiser.</param>
/// <param name="Encoder">The autoencoder's first half; null for a model in pixel space.</param>
/// <param name="Decoder">Its second half.</param>
internal sealed record PackageLayout(NetworkPart Denoiser, NetworkPart? Encoder, NetworkPart? Decoder)
{
    private const string UNetFolder = "unet", EncoderFolder = "vae_encoder", DecoderFolder = "vae_decoder";

    /// <summary>Where an autoencoder of libtorch's may lie.</summary>
    internal static IReadOnlyList<string> AutoencoderFolders { get; } = ["vae", "vqvae"];

    /// <summary>The folder of the autoencoder that libtorch builds, where it runs at least one half.</summary>
    internal string? OwnAutoencoder => new[] { Encoder, Decoder }.FirstOrDefault(part => part?.Backend == PartBackend.LibTorch)?.Folder;

    /// <summary>The networks that lie in files of their own.</summary>
    internal IEnumerable<NetworkPart> InFiles => new[] { Denoiser, Encoder, Decoder }.OfType<NetworkPart>().Where(part => part.File is not null);

    /// <summary>What can be asked for a gradient.</summary>
    internal ModelGradients Gradients => new(
        Denoiser.Backend != PartBackend.Onnx, Decoder?.Backend != PartBackend.Onnx, Encoder?.Backend != PartBackend.Onnx);

    /// <summary>Whether a folder has a denoiser in any form.</summary>
    internal static bool HasDenoiser(string folder) =>
        new[] { Network.ConfigName, TorchScriptArchive.FileName, OnnxFile.FileName }.Any(file => Exists(folder, UNetFolder, file));

    /// <summary>Whether a folder is a repository of the first diffusers versions, with network and scheduler at its top: no package until they are moved.</summary>
    internal static bool IsFlat(string folder) =>
        !HasDenoiser(folder) && Exists(folder, "", Network.ConfigName) && Exists(folder, "", "scheduler_config.json");

    /// <summary>What mends such a folder.</summary>
    internal static InvalidModelException Flat() => new(
        $"Everything lies at the top of the folder, as in early repositories; in it, `mkdir {UNetFolder} scheduler && mv {Network.ConfigName} diffusion_pytorch_model* {UNetFolder}/ && mv scheduler_config.json scheduler/` makes a package of it.");

    /// <summary>Finds the networks of a package.</summary>
    /// <exception cref="InvalidModelException">One is missing, or the card asks for what is not there.</exception>
    internal static PackageLayout Read(string folder, ModelCard card)
    {
        if (IsFlat(folder))
        {
            throw Flat();
        }

        if (!HasDenoiser(folder))
        {
            throw new InvalidModelException($"{UNetFolder}/{Network.ConfigName} is missing: this is not a model package in the diffusers layout.");
        }

        string? own = AutoencoderFolders.FirstOrDefault(name => Exists(folder, name, Network.ConfigName));
        NetworkPart? encoder = Chosen(folder, card, EncoderFolder, own), decoder = Chosen(folder, card, DecoderFolder, own);
        if (encoder is null != decoder is null)
        {
            throw new InvalidModelException($"The package has {(encoder is null ? DecoderFolder : EncoderFolder)} without {(encoder is null ? EncoderFolder : DecoderFolder)}.");
        }

        bool weights = Directory.EnumerateFiles(Path.Combine(folder, UNetFolder)).Any(file => file.EndsWith(".safetensors", StringComparison.Ordinal) || file.EndsWith(".safetensors.index.json", StringComparison.Ordinal))
            || InFile(folder, UNetFolder) is null;
        return new PackageLayout(Chosen(folder, card, UNetFolder, weights ? UNetFolder : null)!, encoder, decoder);
    }

    /// <summary>The files that make up the networks in files: graphs, external data, configs.</summary>
    internal IEnumerable<string> Files(string folder) => InFiles.SelectMany(part => FilesOf(folder, part));

    /// <summary>The files that make up a network in a file.</summary>
    internal static IEnumerable<string> FilesOf(string folder, NetworkPart part) =>
    [
        part.File!,
        .. Exists(folder, part.Folder, Network.ConfigName) ? [$"{part.Folder}/{Network.ConfigName}"] : Array.Empty<string>(),
        .. part.Backend == PartBackend.Onnx ? OnnxFile.Read(folder, part.Folder).ExternalFiles.Order(StringComparer.Ordinal).Select(file => $"{part.Folder}/{file}") : [],
    ];

    // What the card asks for; else libtorch, where it has a folder, else what is there.
    private static NetworkPart? Chosen(string folder, ModelCard card, string part, string? own)
    {
        PartBackend? asked = card.Backend(part);
        if (asked is null)
        {
            return own is not null ? new NetworkPart(own, PartBackend.LibTorch) : InFile(folder, part);
        }

        if (asked == PartBackend.LibTorch)
        {
            return new NetworkPart(own ?? throw new InvalidModelException($"{ModelCard.FileName}: backend wants libtorch for {part}, but the package has no weights for it."), PartBackend.LibTorch);
        }

        return Exists(folder, part, NetworkPart.NameOf(asked.Value))
            ? new NetworkPart(part, asked.Value)
            : throw new InvalidModelException($"{ModelCard.FileName}: backend names {part}/{NetworkPart.NameOf(asked.Value)}, which is missing.");
    }

    private static NetworkPart? InFile(string folder, string part) =>
        Exists(folder, part, TorchScriptArchive.FileName) ? new NetworkPart(part, PartBackend.TorchScript)
        : Exists(folder, part, OnnxFile.FileName) ? new NetworkPart(part, PartBackend.Onnx)
        : null;

    private static bool Exists(string folder, string part, string file) => System.IO.File.Exists(Path.Combine(folder, part, file));
}
