using System.Diagnostics;
using InverseSolver.Diffusion;

namespace InverseSolver.Reconstruction.Estimates;

/// <summary>The known times of a model's calls on one device.</summary>
/// <param name="known">The measured times.</param>
public sealed class CallTimes(IReadOnlyList<CallTime> known)
{
    // A time of another size is scaled by the pixels; over this ratio attention, which grows with their square, would be missed.
    private const double FarthestSize = 1.6;

    // Images are calibrated up to this size, so that a calibration takes seconds.
    private const int LargestSide = 256;

    // One image says too little of the time of eight. Batches have at most four times the pixels of a calibration.
    private const double FarthestItems = 4;

    /// <summary>The time of a call, from the nearest one that was measured, in proportion to its images and their pixels; null where none was.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="items">Images in the call.</param>
    /// <param name="height">Their height.</param>
    /// <param name="width">Their width.</param>
    public double? Seconds(CallKind kind, int items, int height, int width)
    {
        double pixels = (double)height * width;
        CallTime? nearest = known.Where(time => time.Kind == kind).MinBy(time => 10 * Distance(pixels, Pixels(time)) + Distance(items, time.Items));
        return nearest is null ? null : nearest.Seconds * items / nearest.Items * pixels / Pixels(nearest);
    }

    /// <summary>True where <see cref="Seconds"/> has a measured time near enough.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="items">Images in the call.</param>
    /// <param name="height">Their height.</param>
    /// <param name="width">Their width.</param>
    public bool Knows(CallKind kind, int items, int height, int width) => known.Any(time => time.Kind == kind
        && Distance(Math.Min(height, LargestSide) * (double)Math.Min(width, LargestSide), Pixels(time)) <= Math.Log(FarthestSize)
        && Distance(items, time.Items) <= Math.Log(FarthestItems));

    /// <summary>These and other times.</summary>
    /// <param name="others">The others.</param>
    public CallTimes With(IEnumerable<CallTime> others) => new([.. known, .. others]);

    /// <summary>Times one call of a kind, the second of two unless the first takes long.</summary>
    /// <param name="model">The model.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="items">Images in the call; as many are timed as have 256 x 256 pixels together.</param>
    /// <param name="height">Height of the images; 256 at most is timed.</param>
    /// <param name="width">Width of the images; 256 at most is timed.</param>
    public static CallTime Measure(LatentModel model, CallKind kind, int items, int height, int width)
    {
        _ = Backend.Threads;
        (height, width) = (Math.Min(height, LargestSide), Math.Min(width, LargestSide));
        items = Math.Clamp(LargestSide * LargestSide / (height * width), 1, items);
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using var generator = new Generator(1);
        Tensor z = torch.randn([items, .. model.LatentShape(height, width)], generator).to(model.Device);
        Tensor x = torch.rand([items, model.Channels, height, width], generator).to(model.Device);
        Tensor t = torch.full([items], model.AlphasCumprod.Length / 2, ScalarType.Int64, model.Device);
        double best = double.PositiveInfinity;
        var whole = Stopwatch.StartNew();
        for (int i = 0; i < 3 && (i == 0 || whole.Elapsed.TotalSeconds < 0.4); i++)
        {
            using DisposeScope inner = torch.NewDisposeScope();
            var watch = Stopwatch.StartNew();
            Call();
            Backend.Synchronize(model.Device);
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
        }

        return new CallTime(kind, items, height, width, best, 1);

        void Call()
        {
            switch (kind)
            {
                case CallKind.Network: model.PredictNoise(z, t); break;
                case CallKind.NetworkGradient: model.PredictNoiseVjp(z, t, w => w); break;
                case CallKind.Decoder: model.Decode(z, height, width); break;
                case CallKind.DecoderGradient: model.DecodeVjp(z, height, width, w => w); break;
                case CallKind.Encoder: model.Encode(x); break;
                default: model.EncodeVjp(x, w => w); break;
            }
        }
    }

    private static double Pixels(CallTime time) => (double)time.Height * time.Width;

    private static double Distance(double a, double b) => Math.Abs(Math.Log(a / b));
}
