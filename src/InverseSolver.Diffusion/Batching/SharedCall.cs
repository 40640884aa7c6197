namespace InverseSolver.Diffusion.Batching;

/// <summary>The function of a model that a call is of.</summary>
internal enum SharedFunction
{
    PredictNoise,
    Encode,
    Decode,
    ConsistencyFunction,
}

/// <summary>One call of one participant, on its way through <see cref="SharedCalls"/>. Its fields change under the lock of those.</summary>
internal sealed class SharedCall(SharedFunction function, Tensor input, Tensor? t, double sigma, bool withGradient)
{
    internal SharedFunction Function => function;

    /// <summary>(N, ...), the participant's; it waits as long as this is used.</summary>
    internal Tensor Input => input;

    /// <summary>Timesteps (N), for <see cref="SharedFunction.PredictNoise"/>.</summary>
    internal Tensor? T => t;

    /// <summary>σ, for <see cref="SharedFunction.ConsistencyFunction"/>.</summary>
    internal double Sigma => sigma;

    internal bool WithGradient => withGradient;

    internal long Items { get; } = input.size(0);

    /// <summary>When it arrived, in milliseconds of their clock.</summary>
    internal long Arrived { get; set; }

    /// <summary>The function's value, owned by nobody's scope until the participant takes it.</summary>
    internal Tensor? Output { get; set; }

    internal Tensor? Cotangent { get; set; }

    /// <summary>Jᵀ w, owned by nobody's scope until the participant takes it.</summary>
    internal Tensor? Gradient { get; set; }

    /// <summary>True where the participant will give no cotangent any more.</summary>
    internal bool Abandoned { get; set; }

    internal Exception? Error { get; set; }

    /// <summary>The batch that keeps the graph for the backward pass.</summary>
    internal SharedBatch? Batch { get; set; }

    /// <summary>True where two calls can go through the network as one.</summary>
    internal bool FitsWith(SharedCall other) =>
        function == other.Function && withGradient == other.WithGradient && sigma == other.Sigma
        && input.shape.AsSpan(1).SequenceEqual(other.Input.shape.AsSpan(1));
}

/// <summary>Calls that went forward together with gradient; the graph is this batch's alone and lives until its one backward pass.</summary>
internal sealed class SharedBatch(SharedCall[] calls, Tensor leaf, Tensor result) : IDisposable
{
    internal SharedCall[] Calls => calls;

    internal Tensor Leaf => leaf;

    internal Tensor Result => result;

    /// <summary>True where every participant has given its cotangent or gone.</summary>
    internal bool IsComplete => calls.All(call => call.Cotangent is not null || call.Abandoned);

    public void Dispose()
    {
        leaf.Dispose();
        result.Dispose();
    }
}
