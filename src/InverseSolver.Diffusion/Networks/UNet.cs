using InverseSolver.Diffusion.Weights;
using InverseSolver.Torch;

namespace InverseSolver.Diffusion.Networks;

/// <summary>A denoising network: (sample, timestep, context, class) -> whatever it was trained to predict.</summary>
public abstract class UNet : IDisposable
{
    private readonly NetworkWeights weights;

    private protected UNet(NetworkWeights weights) => this.weights = weights;

    /// <summary>Channels of the sample.</summary>
    public int InChannels { get; private protected init; }

    /// <summary>Channels of the prediction.</summary>
    public int OutChannels { get; private protected init; }

    /// <summary>Height and width must be multiples of this.</summary>
    public int SizeMultiple { get; private protected init; }

    /// <summary>Width of the context that every call needs; null where it takes none.</summary>
    public int? ContextChannels { get; private protected init; }

    /// <summary>Whether every call needs class labels.</summary>
    public bool NeedsClassLabels => ClassEmbedding is not null;

    /// <summary>Where the weights are.</summary>
    public Device Device => weights.Device;

    /// <summary>Bytes of the weights.</summary>
    public long WeightBytes => weights.Bytes;

    /// <summary>What the network computes in.</summary>
    public ScalarType Type => weights.Type;

    private protected Conv2d ConvIn { get; init; } = null!;

    private protected TimestepFeatures TimeFeatures { get; init; } = null!;

    private protected TimestepEmbedding TimeEmbedding { get; init; } = null!;

    private protected Activation? TimeActivation { get; init; }

    private protected ClassEmbedding? ClassEmbedding { get; init; }

    private protected DownBlock[] DownBlocks { get; init; } = [];

    private protected MidBlock? MidBlock { get; init; }

    private protected UpBlock[] UpBlocks { get; init; } = [];

    private protected GroupNorm? NormOut { get; init; }

    private protected Activation OutActivation { get; init; } = Activation.Silu;

    private protected Conv2d ConvOut { get; init; } = null!;

    private protected bool CenterInput { get; init; }

    private protected bool DivideByTime { get; init; }

    private protected bool MatchSkipSizes { get; init; }

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
        if (t.size(0) != sample.size(0))
        {
            t = t.expand(sample.size(0));
        }

        Tensor time = TimeEmbedding.Forward(TimeFeatures.Forward(t).to(Type));
        time = ClassEmbedding?.AddTo(time, classLabels!, Type) ?? time;
        time = TimeActivation?.Forward(time) ?? time;

        Tensor x = sample.to(Type);
        x = CenterInput ? x * 2.0 - 1.0 : x;
        context = PreparedContext(context?.to(Type));
        var skips = new Stack<Tensor>();
        Tensor h = ConvIn.Forward(x);
        skips.Push(h);
        foreach (DownBlock block in DownBlocks)
        {
            h = block.Forward(h, time, context, skips);
        }

        // The last result from the way down is a skip as well, so it stays; what follows is the way up's own.
        h = MidBlock is null ? h.clone() : MidBlock.Forward(h, time, context);
        bool matchSkip = MatchSkipSizes && (x.size(2) % SizeMultiple != 0 || x.size(3) % SizeMultiple != 0);
        foreach (UpBlock block in UpBlocks)
        {
            h = block.Forward(h, time, context, skips, matchSkip);
        }

        h = NormOut is null ? h : OutActivation.Consume(NormOut.Forward(h));
        h = ConvOut.Forward(h).to(ScalarType.Float32);
        return (DivideByTime ? h / t.to(h.device, ScalarType.Float32).reshape(-1, 1, 1, 1) : h).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        weights.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected virtual Tensor? PreparedContext(Tensor? context) => context;

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
