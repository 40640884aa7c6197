using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>A UNet of diffusers, run by libtorch.</summary>
public abstract class UNet : Denoiser
{
    private readonly NetworkWeights _weights;

    private protected UNet(NetworkWeights weights) => _weights = weights;

    /// <inheritdoc/>
    public override bool NeedsClassLabels => ClassEmbedding is not null;

    /// <inheritdoc/>
    public override Device Device => _weights.Device;

    /// <summary>Bytes of the weights.</summary>
    public override long WeightBytes => _weights.Bytes;

    /// <summary>The network's element type.</summary>
    public ScalarType Type => _weights.Type;

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

    private protected override Tensor ForwardCore(Tensor sample, Tensor t, Tensor? context, Tensor? classLabels)
    {
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

        // The last result on the way down is a skip as well, so it is kept; later results belong to the way up.
        h = MidBlock is null ? h.clone() : MidBlock.Forward(h, time, context);
        bool matchSkip = MatchSkipSizes && (x.size(2) % SizeMultiple != 0 || x.size(3) % SizeMultiple != 0);
        foreach (UpBlock block in UpBlocks)
        {
            h = block.Forward(h, time, context, skips, matchSkip);
        }

        h = NormOut is null ? h : OutActivation.Consume(NormOut.Forward(h));
        h = ConvOut.Forward(h).to(ScalarType.Float32);
        return DivideByTime ? h / t.to(ScalarType.Float32, h.device).reshape(-1, 1, 1, 1) : h;
    }

    private protected override void DisposeCore() => _weights.Dispose();

    private protected virtual Tensor? PreparedContext(Tensor? context) => context;
}
