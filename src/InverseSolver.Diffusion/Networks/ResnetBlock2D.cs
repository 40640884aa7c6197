using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The options that all residual blocks of a network share.</summary>
/// <param name="Activation">The nonlinearity.</param>
/// <param name="Groups">Groups of every normalisation.</param>
/// <param name="Eps">ε of every normalisation.</param>
/// <param name="TimeFeatures">Width of the time embedding; null where there is none.</param>
/// <param name="ScaleShift">True where the time embedding scales and shifts after the second normalisation instead of being added before it.</param>
/// <param name="SkipTimeActivation">True where the time embedding goes in as it is.</param>
/// <param name="OutputScale">The divisor of the sum with the shortcut.</param>
internal sealed record ResnetOptions(
    Activation Activation, int Groups, double Eps, int? TimeFeatures = null, bool ScaleShift = false, bool SkipTimeActivation = false, double OutputScale = 1);

/// <summary>True where a residual block also changes the size.</summary>
internal enum Resize
{
    None,
    Half,
    Double,
}

/// <summary>A residual block: normalise, activate, convolve, twice, with the time embedding in between.</summary>
internal sealed class ResnetBlock2D
{
    private readonly ResnetOptions _options;
    private readonly Resize _resize;
    private readonly GroupNorm _norm1, _norm2;
    private readonly Conv2d _conv1, _conv2;
    private readonly Conv2d? _shortcut;
    private readonly Linear? _timeProjection;

    internal ResnetBlock2D(WeightScope w, int inChannels, int outChannels, ResnetOptions options, Resize resize = Resize.None)
    {
        _options = options;
        _resize = resize;
        _norm1 = new GroupNorm(w.At("norm1"), options.Groups, inChannels, options.Eps);
        _conv1 = new Conv2d(w.At("conv1"), inChannels, outChannels, 3, padding: 1);
        if (options.TimeFeatures is { } features)
        {
            _timeProjection = new Linear(w.At("time_emb_proj"), features, options.ScaleShift ? 2 * outChannels : outChannels);
        }

        _norm2 = new GroupNorm(w.At("norm2"), options.Groups, outChannels, options.Eps);
        _conv2 = new Conv2d(w.At("conv2"), outChannels, outChannels, 3, padding: 1);
        _shortcut = inChannels == outChannels ? null : new Conv2d(w.At("conv_shortcut"), inChannels, outChannels, 1);
    }

    /// <param name="x">(N, in, H, W).</param>
    /// <param name="time">(N, time features), or null in an autoencoder.</param>
    internal Tensor Forward(Tensor x, Tensor? time)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = _options.Activation.Consume(_norm1.Forward(x));
        Tensor residual = Resized(x);
        h = Then(h, Resized(h));
        h = Then(h, _conv1.Forward(h));
        Tensor? projected = time is null
            ? null
            : _timeProjection?.Forward(_options.SkipTimeActivation ? time : _options.Activation.Forward(time)).unsqueeze(2).unsqueeze(3);
        if (projected is not null && !_options.ScaleShift)
        {
            h = h.requires_grad ? h + projected : h.add_(projected);
        }

        h = Then(h, _norm2.Forward(h));
        if (projected is not null && _options.ScaleShift)
        {
            Tensor[] parts = projected.chunk(2, 1);
            h = h * (parts[0] + 1.0) + parts[1];
        }

        h = _options.Activation.Consume(h);
        h = Then(h, _conv2.Forward(h));
        residual = _shortcut is null ? residual : _shortcut.Forward(residual);
        Tensor sum = h.requires_grad || residual.requires_grad ? residual + h : h.add_(residual);
        return (_options.OutputScale == 1 ? sum : sum / _options.OutputScale).MoveToOuterDisposeScope();
    }

    private Tensor Resized(Tensor x) => _resize switch
    {
        Resize.Half => avg_pool2d(x),
        Resize.Double => Upsample2D.Nearest(x, null),
        _ => x,
    };

    private static Tensor Then(Tensor before, Tensor after)
    {
        if (!ReferenceEquals(before, after))
        {
            before.Dispose();
        }

        return after;
    }
}
