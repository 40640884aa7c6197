using System.Runtime.CompilerServices;
using InverseSolver.Torch;

namespace InverseSolver.UnitTests;

internal static class LibtorchLoaded
{
    // Before the first tensor of whichever test runs first.
    [ModuleInitializer]
    internal static void Load() => Arithmetic.Verify();
}
