using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Backends;

/// <summary>The denoiser's shapes: from its config, else from the file that holds it, else from the card.</summary>
/// <param name="Name">The source of the shapes, as messages show it.</param>
/// <param name="InChannels">Channels of the sample.</param>
/// <param name="OutChannels">Channels of the prediction.</param>
/// <param name="SizeMultiple">Height and width of latents are multiples of this.</param>
/// <param name="ContextChannels">Width of the context; null where it takes none.</param>
/// <param name="NeedsClassLabels">True where it takes class labels.</param>
/// <param name="FixedSize">Height and width of latents where the file takes a single size.</param>
internal sealed record DenoiserShape(
    string Name, int InChannels, int OutChannels, int SizeMultiple, int? ContextChannels, bool NeedsClassLabels, (long Height, long Width)? FixedSize)
{
    /// <summary>Reads it; <paramref name="config"/> is null where the folder has none.</summary>
    internal static DenoiserShape Read(string folder, ModelCard card, NetworkPart part, NetworkConfig? config, AutoencoderShape? autoencoder)
    {
        OnnxFile? file = part.Backend == PartBackend.Onnx ? OnnxFile.Read(folder, part.Folder) : null;
        InputRole[] roles = file is null ? [] : OnnxNetwork.RolesOf(part.File!, file);
        OnnxValue? sample = file?.Inputs[Array.IndexOf(roles, InputRole.Sample)];
        (long, long)? fixedSize = FixedSizes.Of(sample, part) ?? FixedSizes.Of(card, autoencoder?.Downsampling ?? 1, part);
        return config is not null ? OfConfig(config) with { FixedSize = fixedSize } : OfFile(card, part, file, roles, sample, autoencoder, fixedSize);
    }

    private static DenoiserShape OfConfig(NetworkConfig config)
    {
        bool conditional = config.ClassName == "UNet2DConditionModel";
        int levels = config.Ints("block_out_channels", [1, 1, 1, 1]).Length, channels = config.ClassName == "UNet2DModel" ? 3 : 4;
        return new DenoiserShape(
            config.Name,
            config.Int("in_channels", channels),
            config.Int("out_channels", channels),
            1 << (levels - 1),
            conditional ? config.OptionalInt("encoder_hid_dim") ?? config.PerLevel("cross_attention_dim", levels)?[0] ?? 1280 : null,
            config.Has("class_embed_type") || config.Has("num_class_embeds"),
            null);
    }

    private static DenoiserShape OfFile(
        ModelCard card, NetworkPart part, OnnxFile? file, InputRole[] roles, OnnxValue? sample, AutoencoderShape? autoencoder,
        (long Height, long Width)? fixedSize)
    {
        string field = autoencoder is null ? "channels" : "latentChannels";
        int channels = Known(sample, 1) ?? autoencoder?.LatentChannels ?? card.Positive(field) ?? throw Missing(part, field);
        int context = Array.IndexOf(roles, InputRole.Context), down = autoencoder?.Downsampling ?? 1;
        int multiple = card.Positive("sizeMultiple") ?? (fixedSize is { } size ? (int)FixedSizes.Multiple(size) * down : throw Missing(part, "sizeMultiple"));
        if (multiple % down != 0)
        {
            throw new InvalidModelException(
                $"{ModelCard.FileName}: sizeMultiple is {multiple}, which is not a multiple of the latent's downsampling ({down}).");
        }

        return new DenoiserShape(
            part.File!,
            channels,
            Known(file?.Outputs[0], 1) ?? channels,
            multiple / down,
            file is null ? card.Positive("contextChannels")
                : context < 0 ? null
                : Known(file.Inputs[context], 2) ?? card.Positive("contextChannels") ?? throw Missing(part, "contextChannels"),
            roles.Contains(InputRole.Labels),
            fixedSize);
    }

    internal static int? Known(OnnxValue? value, int dimension) =>
        value?.Shape is { } shape && dimension < shape.Length && shape[dimension] is { } size and <= 65536 ? (int)size : null;

    internal static InvalidModelException Missing(NetworkPart part, string field) =>
        new($"{part.File} does not say {field}, and there is no {part.Folder}/{Network.ConfigName}: {ModelCard.FileName} must say it.");
}

/// <summary>The autoencoder's shapes.</summary>
/// <param name="Channels">Channels of the image.</param>
/// <param name="LatentChannels">Channels of the latent.</param>
/// <param name="Downsampling">Height and width of the image over those of the latent.</param>
/// <param name="Scale">The scale of the latent; null where its config does not state it.</param>
/// <param name="FixedSize">Height and width of images where a file takes a single size.</param>
internal sealed record AutoencoderShape(int Channels, int LatentChannels, int Downsampling, double? Scale, (long Height, long Width)? FixedSize = null)
{
    /// <summary>Reads it; null for a model in pixel space.</summary>
    internal static AutoencoderShape? Read(string folder, ModelCard card, PackageLayout layout)
    {
        if (layout is not { Encoder: { } encoder, Decoder: { } decoder })
        {
            return null;
        }

        OnnxValue? encoded = Sample(folder, encoder), decoded = Sample(folder, decoder);
        string? config = new[] { layout.OwnAutoencoder, decoder.Folder, encoder.Folder }.FirstOrDefault(part =>
            part is not null && File.Exists(Path.Combine(folder, part, Network.ConfigName)));
        AutoencoderShape shape = config is not null
            ? OfConfig(NetworkConfig.Read(Path.Combine(folder, config, Network.ConfigName), $"{config}/{Network.ConfigName}"))
            : new AutoencoderShape(
                DenoiserShape.Known(encoded, 1) ?? card.Positive("channels") ?? throw DenoiserShape.Missing(encoder, "channels"),
                DenoiserShape.Known(decoded, 1) ?? card.Positive("latentChannels") ?? throw DenoiserShape.Missing(decoder, "latentChannels"),
                card.Positive("latentDownsampling") ?? throw DenoiserShape.Missing(decoder, "latentDownsampling"),
                card.Number("latentScale") ?? throw DenoiserShape.Missing(decoder, "latentScale"));
        (long Height, long Width)? images = FixedSizes.Of(encoded, encoder), latents = FixedSizes.Of(decoded, decoder);
        (long, long)? grown = latents is { } size ? (size.Height * shape.Downsampling, size.Width * shape.Downsampling) : null;
        return images is not null && grown is not null && images != grown
            ? throw new InvalidModelException($"{encoder.File} and {decoder.File} are for images of different sizes.")
            : shape with
            {
                FixedSize = images ?? grown ?? (layout.InFiles.Any(part => part == encoder || part == decoder) ? FixedSizes.Of(card, 1, decoder) : null),
            };
    }

    /// <summary>The identity: a denoiser of images.</summary>
    internal static AutoencoderShape OfPixels(DenoiserShape denoiser, string? className) =>
        className is null or "UNet2DModel" && denoiser.InChannels is 1 or 3
            ? new AutoencoderShape(denoiser.InChannels, denoiser.InChannels, 1, 1)
            : throw new InvalidModelException(
                $"{denoiser.Name}: the package has no autoencoder, and a {InvalidModelException.Quote(className ?? "denoiser")} of {denoiser.InChannels} "
                    + "channels is not a model of grey or colour images.");

    private static AutoencoderShape OfConfig(NetworkConfig config)
    {
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

    private static OnnxValue? Sample(string folder, NetworkPart part)
    {
        if (part.Backend != PartBackend.Onnx)
        {
            return null;
        }

        OnnxFile file = OnnxFile.Read(folder, part.Folder);
        InputRole[] roles = OnnxNetwork.RolesOf(part.File!, file);
        return roles.Length == 1
            ? file.Inputs[0]
            : throw new InvalidModelException($"{part.File}: a half of an autoencoder takes one input, not {roles.Length}.");
    }
}

/// <summary>Sizes that a file fixes.</summary>
internal static class FixedSizes
{
    /// <summary>Height and width that an input of (N, c, h, w) fixes; null where both are open.</summary>
    internal static (long Height, long Width)? Of(OnnxValue? sample, NetworkPart part) => sample?.Shape is not { Length: 4 } shape ? null
        : (shape[2], shape[3]) switch
        {
            (null, null) => null,
            ({ } height, { } width) => (height, width),
            _ => throw new InvalidModelException($"{part.File} fixes only the height or the width; both must be fixed, or both open."),
        };

    /// <summary>The card's <c>fixedSize</c> in pixels, for files that do not state their size.</summary>
    internal static (long Height, long Width)? Of(ModelCard card, int downsampling, NetworkPart part) =>
        part.File is null || card.Size("fixedSize") is not var (height, width) ? null
        : height % downsampling == 0 && width % downsampling == 0 ? (height / downsampling, width / downsampling)
        : throw new InvalidModelException($"{ModelCard.FileName}: fixedSize must be a multiple of {downsampling}.");

    /// <summary>The largest number of which height and width are multiples.</summary>
    internal static long Multiple((long Height, long Width) size) => (long)System.Numerics.BigInteger.GreatestCommonDivisor(size.Height, size.Width);
}
