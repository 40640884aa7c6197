using Xunit;

namespace InverseSolver.UnitTests.Torch;

public sealed class ReleaseScalarsTests
{
    [Fact]
    public void Objects_of_a_thread_are_collected_long_before_the_collector_would()
    {
        Libtorch.ReleaseScalars();
        WeakReference[] made = [.. Enumerable.Range(0, 20_000).Select(_ => new WeakReference(new object()))];
        Libtorch.ReleaseScalars();
        // One that another thread's collection met while it was being made is a generation older.
        Assert.InRange(made.Count(reference => reference.IsAlive), 0, 20);
    }
}
