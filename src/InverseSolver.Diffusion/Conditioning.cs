using InverseSolver.Diffusion.Backends;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion;

/// <summary>
/// The stored conditioning of a model: a context from a file, or a class, and with guidance the one that it leads away from. The file is a safetensors file
/// with <c>embedding</c> (L, D) and perhaps <c>unconditional</c>, of the same shape.
/// </summary>
internal sealed class Conditioning : IDisposable
{
    /// <summary>The default file of the context, unless model.json names another.</summary>
    internal const string DefaultFile = "conditioning.safetensors";

    /// <summary>The largest guidance scale; beyond it results are noise.</summary>
    internal const double MaxGuidance = 100;

    // (L, D) each, or class labels (): the condition, then the one that guidance leads away from.
    private readonly Tensor[] _items;
    private readonly double _scale;

    private Conditioning(Tensor[] items, double scale)
    {
        _items = items;
        _scale = scale;
    }

    /// <summary>Returns the condition of a conditional denoiser, or the reason why it cannot be used; neither for an unconditional one.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <param name="card">Its card.</param>
    /// <param name="denoiser">The shapes that its denoiser takes.</param>
    /// <param name="unet">The denoiser's config, where it has one.</param>
    /// <exception cref="InvalidModelException">The card states a condition that the denoiser does not take.</exception>
    internal static (ConditioningInfo? Info, string? Missing) Describe(string folder, ModelCard card, DenoiserShape denoiser, NetworkConfig? unet)
    {
        ConditioningInfo? info = card.Conditioning;
        if (denoiser.ContextChannels is not null)
        {
            string file = info?.File ?? DefaultFile;
            return info?.ClassLabel is not null || info?.UnconditionalClass is not null ? throw Contradiction("a class, but the denoiser takes a context")
                : File.Exists(Path.Combine(folder, file)) ? ((info ?? new ConditioningInfo()) with { File = file }, null)
                : (
                    null,
                    $"needs a context such as a text's embedding, and there is no {file} in its folder: "
                        + "scripts/write-conditioning.py writes one for the empty prompt (docs/models.md)");
        }

        string? type = unet?.Text("class_embed_type", null);
        int? classes = unet?.OptionalInt("num_class_embeds", 1, int.MaxValue);
        if (!denoiser.NeedsClassLabels)
        {
            return info is null ? (null, null) : throw Contradiction("a condition, but the denoiser takes none");
        }

        if (info?.File is not null)
        {
            throw Contradiction("a file, but the denoiser takes classes");
        }

        if (type is not null)
        {
            return (null, $"takes class embeddings of the kind {InvalidModelException.Quote(type)}, which cannot be stored");
        }

        if (info?.ClassLabel is not { } label)
        {
            return (
                null,
                $"needs a class, and its {ModelCard.FileName} names none: "
                    + $"\"conditioning\": {{\"classLabel\": n}}{(classes is null ? "" : $", n from 0 to {classes - 1}")} (docs/models.md)");
        }

        return label >= classes || info.UnconditionalClass >= classes ? throw Contradiction($"a class beyond the denoiser's {classes} (num_class_embeds)")
            : info.GuidanceScale != 1 && info.UnconditionalClass is null ? throw Contradiction("a guidanceScale other than 1 without an unconditionalClass")
            : (info, null);

        static InvalidModelException Contradiction(string what) => new($"{ModelCard.FileName}: conditioning states {what}.");
    }

    /// <summary>Reads a model's condition.</summary>
    /// <param name="folder">The package's folder.</param>
    /// <param name="info">The card's condition.</param>
    /// <param name="channels">D of the denoiser's context; null where it has classes.</param>
    /// <param name="device">The device.</param>
    /// <param name="sha256">Of the file; null where there is none.</param>
    /// <exception cref="InvalidModelException">The file is missing, or does not fit.</exception>
    internal static Conditioning Load(string folder, ConditioningInfo info, int? channels, Device device, out string? sha256)
    {
        bool guided = info.GuidanceScale != 1;
        sha256 = null;
        using var grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor[] items;
        if (channels is not { } width)
        {
            int[] labels = guided ? [info.ClassLabel!.Value, info.UnconditionalClass!.Value] : [info.ClassLabel!.Value];
            items = [.. labels.Select(label => torch.full([1], label, ScalarType.Int64, device))];
        }
        else
        {
            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, info.File!), hash: true);
            Check(file, width, guided);
            items = [.. (guided ? (string[])[Embedding, Unconditional] : [Embedding]).Select(name =>
                file.Read(name).to(ScalarType.Float32, device).unsqueeze(0))];
            sha256 = file.Sha256;
        }

        return new Conditioning([.. items.Select(item => item.DetachFromDisposeScope())], info.GuidanceScale);
    }

    /// <summary>One call of the network, of twice the batch where there is guidance.</summary>
    /// <param name="z">(N, c, h, w).</param>
    /// <param name="t">Timesteps, int64 (N) or (1).</param>
    /// <param name="network">The prediction from (z, t, conditioning): (N, L, D), or labels (N).</param>
    internal Tensor Predict(Tensor z, Tensor t, Func<Tensor, Tensor, Tensor, Tensor> network)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor[] conditions = [.. _items.Select(item => item.expand([z.size(0), .. item.shape.AsSpan(1)]))];
        if (conditions.Length == 1)
        {
            return network(z, t, conditions[0]).MoveToOuterDisposeScope();
        }

        Tensor both = network(torch.cat([z, z]), t.size(0) == 1 ? t : torch.cat([t, t]), torch.cat(conditions));
        Tensor[] halves = both.chunk(2);
        return (halves[1] + (halves[0] - halves[1]) * _scale).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (Tensor item in _items)
        {
            item.Dispose();
        }
    }

    private const string Embedding = "embedding", Unconditional = "unconditional";

    private static void Check(SafetensorsFile file, int channels, bool guided)
    {
        if (!file.Entries.TryGetValue(Embedding, out SafetensorsEntry? wanted))
        {
            throw new InvalidModelException($"{file.Name}: tensor '{Embedding}' is missing.");
        }

        if (wanted.Shape.Count != 2 || wanted.Shape[0] is < 1 or > 4096 || wanted.Shape[1] != channels)
        {
            throw new InvalidModelException(
                $"{file.Name}: tensor '{Embedding}' has the shape {wanted.ShapeText}; the denoiser takes (L, {channels}), L up to 4096.");
        }

        file.Entries.TryGetValue(Unconditional, out SafetensorsEntry? other);
        if (guided && other is null)
        {
            throw new InvalidModelException(
                $"{file.Name}: tensor '{Unconditional}' is missing, which conditioning.guidanceScale other than 1 in {ModelCard.FileName} needs.");
        }

        if (other is not null && !other.Shape.SequenceEqual(wanted.Shape))
        {
            throw new InvalidModelException(
                $"{file.Name}: tensor '{Unconditional}' has the shape {other.ShapeText}, '{Embedding}' has {wanted.ShapeText}; they must be the same.");
        }

        foreach (SafetensorsEntry entry in file.Entries.Values)
        {
            if (entry.Name is not (Embedding or Unconditional) || entry.Type is not ("F32" or "F16" or "BF16"))
            {
                throw new InvalidModelException(
                    $"{file.Name}: tensor {InvalidModelException.Quote(entry.Name)} of type {entry.Type} is unknown; "
                        + $"the file must hold '{Embedding}' and may hold '{Unconditional}', in F32, F16 or BF16.");
            }
        }
    }
}
