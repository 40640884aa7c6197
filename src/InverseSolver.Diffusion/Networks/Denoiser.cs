namespace InverseSolver.Diffusion.Networks;

/// <summary>A denoising network: (sample, timestep, context, class) -> whatever it was trained to predict.</summary>
public abstract class Denoiser : IDisposable
{
    /// <summary>Channels of the sample.</summary>
    public int InChannels { get; private protected init; }

    /// <summary>Channels of the prediction.</summary>
    public int OutChannels { get; private protected init; }

    /// <summary>Height and width must be multiples of this.</summary>
    public int SizeMultiple { get; private protected init; }

    /// <summary>Width of the required context; null for none.</summary>
    public int? ContextChannels { get; private protected init; }

    /// <summary>True where every call needs class labels.</summary>
    public abstract bool NeedsClassLabels { get; }

    /// <summary>The device of the arguments.</summary>
    public abstract Device Device { get; }

    /// <summary>Bytes of the weights.</summary>
    public abstract long WeightBytes { get; }

    /// <summary>Runs the network.</summary>
    /// <param name="sample">(N, in, H, W), float32.</param>
    /// <param name="t">Timesteps, int64 (N) or (1).</param>
    /// <param name="context">Context (N, L, D) of a conditional network.</param>
    /// <param name="classLabels">(N), where the network has classes.</param>
    /// <returns>(N, out, H, W), float32.</returns>
    /// <exception cref="ArgumentException">A shape does not fit, or the context or the labels are missing or not wanted.</exception>
    public Tensor Forward(Tensor sample, Tensor t, Tensor? context = null, Tensor? classLabels = null)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        CheckInput(sample, t, context, classLabels);
        return ForwardCore(sample, t.size(0) == sample.size(0) ? t : t.expand(sample.size(0)), context, classLabels).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeCore();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs the network on arguments that fit, with a timestep for each item.</summary>
    private protected abstract Tensor ForwardCore(Tensor sample, Tensor t, Tensor? context, Tensor? classLabels);

    private protected abstract void DisposeCore();

    private void CheckInput(Tensor sample, Tensor t, Tensor? context, Tensor? classLabels)
    {
        if (sample.dim() != 4 || sample.size(1) != InChannels)
        {
            throw new ArgumentException($"The network takes (N, {InChannels}, H, W), not ({string.Join(", ", sample.shape)}).", nameof(sample));
        }

        if (t.dim() != 1 || (t.size(0) != 1 && t.size(0) != sample.size(0)))
        {
            throw new ArgumentException($"Timesteps must be (N) or (1), not ({string.Join(", ", t.shape)}).", nameof(t));
        }

        if (ContextChannels is { } channels && (context is null || context.dim() != 3 || context.size(0) != sample.size(0) || context.size(2) != channels))
        {
            throw new ArgumentException($"The network needs a context (N, L, {channels}).", nameof(context));
        }

        if (ContextChannels is null && context is not null)
        {
            throw new ArgumentException("The network takes no context.", nameof(context));
        }

        if (NeedsClassLabels != classLabels is not null)
        {
            throw new ArgumentException(NeedsClassLabels ? "The network needs class labels." : "The network takes no class labels.", nameof(classLabels));
        }
    }
}
