using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Backends;

/// <summary>Loads the networks of a package from TorchScript and ONNX files.</summary>
internal static class FileNetworks
{
    /// <summary>The denoiser; null where libtorch builds it.</summary>
    internal static Denoiser? Denoiser(string folder, PackageLayout layout, DenoiserShape shape, Device device)
    {
        if (Load(folder, layout.Denoiser, device) is not { } file)
        {
            return null;
        }

        try
        {
            CheckInputs(file, shape);
            return new FileDenoiser(file, shape);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The autoencoder: <paramref name="network"/> where libtorch runs both halves, else one made of files.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <param name="layout">The package's layout.</param>
    /// <param name="network">The autoencoder that libtorch built, where it runs a half. The caller owns it until this returns.</param>
    /// <param name="shape">The shapes that the package states.</param>
    /// <param name="multiple">Height and width of the smallest latent.</param>
    /// <param name="device">The device.</param>
    internal static Autoencoder? Autoencoder(string folder, PackageLayout layout, Autoencoder? network, AutoencoderShape shape, int multiple, Device device)
    {
        if (layout is { Encoder: null } or { Encoder.File: null, Decoder.File: null })
        {
            return network;
        }

        NetworkFile? encoder = null, decoder = null;
        try
        {
            encoder = Load(folder, layout.Encoder!, device);
            decoder = Load(folder, layout.Decoder!, device);
            return new FileAutoencoder(encoder, decoder, network, shape, multiple);
        }
        catch
        {
            encoder?.Dispose();
            decoder?.Dispose();
            throw;
        }
    }

    private static NetworkFile? Load(string folder, NetworkPart part, Device device)
    {
        NetworkFile? file = part.Backend switch
        {
            PartBackend.TorchScript => TorchScriptNetwork.Load(folder, part.Folder, device),
            PartBackend.Onnx => OnnxNetwork.Load(folder, part.Folder, OnnxFile.Read(folder, part.Folder), device),
            _ => null,
        };
        if (file is not null)
        {
            file.Bytes = PackageLayout.FilesOf(folder, part).Sum(name => ModelFile.StampOf(Path.Combine(folder, name))?.Bytes ?? 0);
        }

        return file;
    }

    private static void CheckInputs(NetworkFile file, DenoiserShape shape)
    {
        InputRole[] wanted =
        [
            InputRole.Sample, InputRole.Timestep,
            .. shape.ContextChannels is null ? Array.Empty<InputRole>() : [InputRole.Context],
            .. shape.NeedsClassLabels ? [InputRole.Labels] : Array.Empty<InputRole>(),
        ];
        if (!file.Roles.Order().SequenceEqual(wanted))
        {
            throw new InvalidModelException($"{file.Name} takes {Listed(file.Roles.Order())}; the package states {Listed(wanted)}.");
        }
    }

    private static string Listed(IEnumerable<InputRole> roles) => string.Join(", ", roles.Select(role => role.ToString().ToLowerInvariant()));
}
