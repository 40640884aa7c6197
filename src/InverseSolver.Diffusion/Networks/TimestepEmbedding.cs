using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>Two linear layers with a nonlinearity between them, and perhaps one after them.</summary>
internal sealed class TimestepEmbedding(WeightScope w, int inFeatures, int features, Activation activation, Activation? after = null)
{
    private readonly Linear linear1 = new(w.At("linear_1"), inFeatures, features);
    private readonly Linear linear2 = new(w.At("linear_2"), features, features);

    internal Tensor Forward(Tensor x)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor y = linear2.Forward(activation.Consume(linear1.Forward(x)));
        return (after?.Forward(y) ?? y).MoveToOuterDisposeScope();
    }
}

/// <summary>A vector of sines and cosines for each timestep: (N) -> (N, width), in float32.</summary>
internal sealed class TimestepFeatures
{
    private readonly Tensor frequencies;
    private readonly bool logarithm, cosineFirst, oddWidth;

    private TimestepFeatures(Tensor frequencies, bool logarithm, bool cosineFirst, bool oddWidth)
    {
        this.frequencies = frequencies;
        this.logarithm = logarithm;
        this.cosineFirst = cosineFirst;
        this.oddWidth = oddWidth;
    }

    /// <summary>Geometric frequencies from 1 down to 1/10000. In float32 throughout, as the networks were trained.</summary>
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
        Tensor exponent = torch.arange(half, dtype: ScalarType.Float32) * -Math.Log(10000) / (half - shift);
        Tensor frequencies = exponent.exp().to(weights.Device);
        return new TimestepFeatures(weights.Own(frequencies.unsqueeze(0)), false, flip, width % 2 == 1);
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
        return new TimestepFeatures(w.Weights.Own(frequencies), logarithm, cosineFirst, false) { Fourier2Pi = true };
    }

    private bool Fourier2Pi { get; init; }

    internal Tensor Forward(Tensor t)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor time = t.to(ScalarType.Float32, frequencies.device);
        if (logarithm)
        {
            time = time.log();
        }

        Tensor phase = time.unsqueeze(1) * frequencies;
        if (Fourier2Pi)
        {
            phase = phase * 2.0 * Math.PI;
        }

        Tensor sine = phase.sin(), cosine = phase.cos();
        Tensor[] parts = cosineFirst ? [cosine, sine] : [sine, cosine];
        if (oddWidth)
        {
            parts = [.. parts, torch.zeros([t.size(0), 1], dtype: ScalarType.Float32, device: frequencies.device)];
        }

        return torch.cat(parts, 1).MoveToOuterDisposeScope();
    }
}
