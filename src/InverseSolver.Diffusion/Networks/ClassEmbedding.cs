using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>Adds (or appends) the embedding of a class to the time embedding.</summary>
internal sealed class ClassEmbedding
{
    private readonly Func<Tensor, ScalarType, Tensor> _embed;
    private readonly bool _append;

    private ClassEmbedding(Func<Tensor, ScalarType, Tensor> embed, bool append)
    {
        _embed = embed;
        _append = append;
    }

    /// <summary>Reads class_embed_type and num_class_embeds; null where the network has no classes.</summary>
    internal static ClassEmbedding? Read(
        WeightScope w, NetworkConfig config, TimestepFeatures features, int featureCount, int width, Activation activation, bool conditional)
    {
        string? type = config.Text("class_embed_type", null);
        int? classes = config.OptionalInt("num_class_embeds", 1, int.MaxValue);
        int? projectionFeatures = conditional ? config.OptionalInt("projection_class_embeddings_input_dim") : null;
        bool append = conditional && config.Bool("class_embeddings_concat", false);
        switch (type)
        {
            case null when classes is null:
                return append ? throw config.Error("class_embeddings_concat", "needs class_embed_type or num_class_embeds") : null;
            case null:
                Tensor table = w.Take("class_embedding.weight", classes.Value, width);
                return new((labels, _) => embedding(labels, table), append);
            case "timestep":
                var steps = new TimestepEmbedding(w.At("class_embedding"), featureCount, width, activation);
                return new((labels, dtype) => steps.Forward(features.Forward(labels).to(dtype)), append);
            case "identity":
                return new((labels, dtype) => labels.to(dtype), append);
            case "projection" when conditional && projectionFeatures is { } count:
                var projection = new TimestepEmbedding(w.At("class_embedding"), count, width, Activation.Silu);
                return new((labels, dtype) => projection.Forward(labels.to(dtype)), append);
            case "simple_projection" when conditional && projectionFeatures is { } count:
                var linear = new Linear(w.At("class_embedding"), count, width);
                return new((labels, dtype) => linear.Forward(labels.to(dtype)), append);
            case "projection" or "simple_projection" when conditional:
                throw config.Error("projection_class_embeddings_input_dim", $"is missing, but class_embed_type is '{type}'");
            default:
                throw config.Error("class_embed_type", $"is {InvalidModelException.Quote(type)}, which is not supported");
        }
    }

    internal Tensor AddTo(Tensor time, Tensor labels, ScalarType type)
    {
        Tensor classes = _embed(labels, type);
        return _append ? torch.cat([time, classes], 1) : time + classes;
    }
}
