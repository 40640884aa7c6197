using System.Text.Json;

namespace InverseSolver.Reconstruction;

/// <summary>Properties that two runs must share to give the same bits from the same seed.</summary>
/// <param name="Device">The device's kind.</param>
/// <param name="Threads">Threads that share one operator.</param>
/// <param name="InstructionSet">The CPU instruction set that libtorch uses.</param>
/// <param name="Libtorch">Its version.</param>
/// <param name="Arithmetic">
/// What the test of libtorch's arithmetic came to: <c>right</c>, <c>mended</c>, or <c>oneDnnOff</c>, whose kernels round otherwise.
/// </param>
/// <param name="Batch">Images solved together.</param>
public sealed record Fingerprint(string Device, int Threads, string InstructionSet, string Libtorch, string Arithmetic, int Batch)
{
    /// <summary>Warnings about the arithmetic of the machine that computed a result.</summary>
    public static IReadOnlyList<string> Warnings => Torch.Arithmetic.Warning is { } warning ? [warning] : [];

    /// <summary>This process's.</summary>
    /// <param name="device">Where the model computes.</param>
    /// <param name="batch">Images solved together.</param>
    public static Fingerprint Of(Device device, int batch = 1) => new(
        device.type == DeviceType.CUDA ? Backend.NameOf(device) : "cpu",
        Backend.Threads, Backend.CpuCapability, Backend.Version, JsonNamingPolicy.CamelCase.ConvertName(Torch.Arithmetic.Verify().ToString()), batch);
}
