using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>Two linear layers with a nonlinearity between them, and perhaps one after them.</summary>
internal sealed class TimestepEmbedding(WeightScope w, int inFeatures, int features, Activation activation, Activation? after = null)
{
    private readonly Linear _linear1 = new(w.At("linear_1"), inFeatures, features);
    private readonly Linear _linear2 = new(w.At("linear_2"), features, features);

    internal Tensor Forward(Tensor x)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor y = _linear2.Forward(activation.Consume(_linear1.Forward(x)));
        return (after?.Forward(y) ?? y).MoveToOuterDisposeScope();
    }
}

/// <summary>A vector of sines and cosines for each timestep: (N) -> (N, width), in float32.</summary>
internal sealed class TimestepFeatures
{
    private readonly Tensor _frequencies;
    private readonly bool _logarithm, _turns, _cosineFirst, _oddWidth;

    private TimestepFeatures(Tensor frequencies, bool logarithm, bool turns, bool cosineFirst, bool oddWidth)
    {
        _frequencies = frequencies;
        _logarithm = logarithm;
        _turns = turns;
        _cosineFirst = cosineFirst;
        _oddWidth = oddWidth;
    }

    /// <summary>Geometric frequencies.</summary>
    internal static TimestepFeatures Positional(NetworkWeights weights, NetworkConfig config, int width, int defaultShift, bool defaultFlip)
    {
        double shift = config.Number("freq_shift", defaultShift);
        bool flip = config.Bool("flip_sin_to_cos", defaultFlip);
        int half = width / 2;
        if (half - shift == 0)
        {
            throw config.Error("freq_shift", $"leaves no frequencies for an embedding of width {width}");
        }

        using DisposeScope scope = torch.NewDisposeScope();
        Tensor frequencies = timestep_frequencies(half, shift).to(weights.Device);
        return new TimestepFeatures(weights.Own(frequencies), logarithm: false, turns: false, cosineFirst: flip, oddWidth: width % 2 == 1);
    }

    /// <summary>Stored random frequencies.</summary>
    internal static TimestepFeatures Fourier(WeightScope w, int count, bool logarithm, bool cosineFirst)
    {
        // Some versions store the same numbers twice, as weight and as W.
        string name = w.Has("weight") ? "weight" : "W";
        Tensor stored = w.Take(name, count);
        w.Weights.Ignore(w.At("W").Prefix);
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor frequencies = stored.to(ScalarType.Float32).unsqueeze(0);
        return new TimestepFeatures(w.Weights.Own(frequencies), logarithm, turns: true, cosineFirst, oddWidth: false);
    }

    internal Tensor Forward(Tensor t) => timestep_embedding(t, _frequencies, _logarithm, _turns, _cosineFirst, _oddWidth);
}
