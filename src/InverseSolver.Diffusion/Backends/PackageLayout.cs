using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Diffusion.Backends;

/// <summary>The library that runs a network.</summary>
internal enum PartBackend
{
    LibTorch,
    TorchScript,
    Onnx,
}

/// <summary>A network of a package.</summary>
/// <param name="Folder">Its folder in the package.</param>
/// <param name="Backend">The library that runs it.</param>
internal sealed record NetworkPart(string Folder, PartBackend Backend)
{
    /// <summary>The file that holds the network, as messages show it; null where libtorch builds it from a config and weights.</summary>
    internal string? File => Backend == PartBackend.LibTorch ? null : $"{Folder}/{NameOf(Backend)}";

    internal static string NameOf(PartBackend backend) => backend == PartBackend.Onnx ? OnnxFile.FileName : TorchScriptArchive.FileName;
}

/// <summary>
/// The networks of a package with their folders and backends: libtorch where there are weights, else TorchScript, else ONNX, unless the card chooses
/// (<c>"backend": {"unet": "onnx"}</c>). Files of TorchScript and ONNX have the folders of Hugging Face Optimum: unet, vae_encoder, vae_decoder.
/// </summary>
/// <param name="Denoiser">The denoiser.</param>
/// <param name="Encoder">The autoencoder's first half; null for a model in pixel space.</param>
/// <param name="Decoder">Its second half.</param>
internal sealed record PackageLayout(NetworkPart Denoiser, NetworkPart? Encoder, NetworkPart? Decoder)
{
    private const string UNetFolder = "unet", EncoderFolder = "vae_encoder", DecoderFolder = "vae_decoder";

    /// <summary>The folders in which an autoencoder of libtorch is searched.</summary>
    internal static IReadOnlyList<string> AutoencoderFolders { get; } = ["vae", "vqvae"];

    /// <summary>The folder of the autoencoder that libtorch builds, where it runs at least one half.</summary>
    internal string? OwnAutoencoder => new[] { Encoder, Decoder }.FirstOrDefault(part => part?.Backend == PartBackend.LibTorch)?.Folder;

    /// <summary>The networks in TorchScript or ONNX files.</summary>
    internal IEnumerable<NetworkPart> InFiles => new[] { Denoiser, Encoder, Decoder }.OfType<NetworkPart>().Where(part => part.File is not null);

    /// <summary>The networks that give gradients.</summary>
    internal ModelGradients Gradients => new(
        Denoiser.Backend != PartBackend.Onnx, Decoder?.Backend != PartBackend.Onnx, Encoder?.Backend != PartBackend.Onnx);

    /// <summary>True where a folder has a denoiser in any form.</summary>
    internal static bool HasDenoiser(string folder) =>
        new[] { Network.ConfigName, TorchScriptArchive.FileName, OnnxFile.FileName }.Any(file => Exists(folder, UNetFolder, file));

    /// <summary>
    /// True where a folder is a repository of the first diffusers versions, with network and scheduler at its top; it becomes a package when these are moved.
    /// </summary>
    internal static bool IsFlat(string folder) =>
        !HasDenoiser(folder) && Exists(folder, "", Network.ConfigName) && Exists(folder, "", "scheduler_config.json");

    /// <summary>The error for such a folder, with its remedy.</summary>
    internal static InvalidModelException Flat() => new(
        "All files are at the top of the folder, as in early repositories; "
            + $"in the folder, `mkdir {UNetFolder} scheduler && mv {Network.ConfigName} diffusion_pytorch_model* {UNetFolder}/ && mv "
            + "scheduler_config.json scheduler/` makes it a package.");

    /// <summary>Finds the networks of a package.</summary>
    /// <exception cref="InvalidModelException">One is missing, or the card asks for a network that is missing.</exception>
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

        string? libtorch = AutoencoderFolders.FirstOrDefault(name => Exists(folder, name, Network.ConfigName));
        NetworkPart? encoder = Chosen(folder, card, EncoderFolder, libtorch), decoder = Chosen(folder, card, DecoderFolder, libtorch);
        if (encoder is null != decoder is null)
        {
            throw new InvalidModelException(
                $"The package has {(encoder is null ? DecoderFolder : EncoderFolder)} without {(encoder is null ? EncoderFolder : DecoderFolder)}.");
        }

        bool weights = Directory.EnumerateFiles(Path.Combine(folder, UNetFolder)).Any(file =>
            file.EndsWith(".safetensors", StringComparison.Ordinal) || file.EndsWith(".safetensors.index.json", StringComparison.Ordinal))
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
        .. part.Backend == PartBackend.Onnx
            ? OnnxFile.Read(folder, part.Folder).ExternalFiles.Order(StringComparer.Ordinal).Select(file => $"{part.Folder}/{file}")
            : [],
    ];

    // The card's choice; else libtorch, where it has a folder, else the backend of the files.
    private static NetworkPart? Chosen(string folder, ModelCard card, string part, string? libtorch)
    {
        PartBackend? backend = card.Backend(part);
        if (backend is null)
        {
            return libtorch is not null ? new NetworkPart(libtorch, PartBackend.LibTorch) : InFile(folder, part);
        }

        if (backend == PartBackend.LibTorch)
        {
            return new NetworkPart(
                libtorch ?? throw new InvalidModelException($"{ModelCard.FileName}: backend names libtorch for {part}, but the package has no weights for it."),
                PartBackend.LibTorch);
        }

        return Exists(folder, part, NetworkPart.NameOf(backend.Value))
            ? new NetworkPart(part, backend.Value)
            : throw new InvalidModelException($"{ModelCard.FileName}: backend names {part}/{NetworkPart.NameOf(backend.Value)}, which is missing.");
    }

    private static NetworkPart? InFile(string folder, string part) =>
        Exists(folder, part, TorchScriptArchive.FileName) ? new NetworkPart(part, PartBackend.TorchScript)
        : Exists(folder, part, OnnxFile.FileName) ? new NetworkPart(part, PartBackend.Onnx)
        : null;

    private static bool Exists(string folder, string part, string file) => System.IO.File.Exists(Path.Combine(folder, part, file));
}
