using System.Diagnostics;

namespace InverseSolver.Reconstruction.Estimates;

/// <summary>Times the calls of a model for images of one size. A call with a gradient is timed without what its cotangent costs.</summary>
/// <param name="height">Height of the images.</param>
/// <param name="width">Width of the images.</param>
internal sealed class CallClock(int height, int width)
{
    private readonly Dictionary<(CallKind Kind, int Items), (int Calls, TimeSpan Time)> _times = [];

    /// <summary>The mean times.</summary>
    internal IEnumerable<CallTime> Times => _times.Select(one =>
        new CallTime(one.Key.Kind, one.Key.Items, height, width, one.Value.Time.TotalSeconds / one.Value.Calls, one.Value.Calls));

    internal Tensor Time(CallKind kind, Tensor input, Func<Tensor> call)
    {
        long start = Stopwatch.GetTimestamp();
        Tensor result = call();
        Add(kind, input, Stopwatch.GetElapsedTime(start));
        return result;
    }

    internal (Tensor, Tensor) Time(
        CallKind kind, Tensor input, Func<Tensor, Tensor> cotangent, Func<Func<Tensor, Tensor>, (Tensor, Tensor)> call)
    {
        var inside = TimeSpan.Zero;
        long start = Stopwatch.GetTimestamp();
        (Tensor, Tensor) result = call(value =>
        {
            long from = Stopwatch.GetTimestamp();
            Tensor w = cotangent(value);
            inside += Stopwatch.GetElapsedTime(from);
            return w;
        });
        Add(kind, input, Stopwatch.GetElapsedTime(start) - inside);
        return result;
    }

    private void Add(CallKind kind, Tensor input, TimeSpan time)
    {
        (int calls, TimeSpan sum) = _times.GetValueOrDefault((kind, (int)input.size(0)));
        _times[(kind, (int)input.size(0))] = (calls + 1, sum + time);
    }
}
