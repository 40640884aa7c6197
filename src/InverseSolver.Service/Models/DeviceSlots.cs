using InverseSolver.Service.Access;

namespace InverseSolver.Service.Models;

/// <summary>The devices of the worker slots.</summary>
/// <param name="Devices">The slots' devices; one with two slots is listed twice.</param>
internal sealed record DeviceSlots(IReadOnlyList<Device> Devices)
{
    /// <summary>Each device once.</summary>
    public IReadOnlyList<Device> Distinct { get; } = [.. Devices.DistinctBy(device => device.ToString())];

    /// <summary>The slots of <c>Models:Device</c>.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="StartRefusedException">A device is missing, or does not support the precision.</exception>
    public static DeviceSlots From(ModelFolderOptions options)
    {
        Device[] devices = options.Device != "auto" ? [.. options.Device.Split(',', StringSplitOptions.TrimEntries).Select(Backend.ParseDevice)]
            : Backend.CudaDevices > 0 ? [.. Enumerable.Range(0, Backend.CudaDevices).Select(index => new Device(DeviceType.CUDA, index))]
            : [torch.CPU];
        if (devices.Any(device => device.type == DeviceType.CUDA && device.index >= Backend.CudaDevices))
        {
            throw new StartRefusedException(
                $"Models:Device is {options.Device}, but "
                    + $"{(Backend.BuiltWithCuda ? $"there are {Backend.CudaDevices} GPUs" : "this build of libtorch has no CUDA")}.",
                2);
        }

        bool cpu = devices.Any(device => device.type == DeviceType.CPU);
        if (cpu && options.Precision != "float32")
        {
            throw new StartRefusedException($"Models:Precision is {options.Precision}, which needs a GPU; on the CPU it is float32.", 2);
        }

        if (cpu && options.Precisions.FirstOrDefault(one => one.Value != Precision.Float32) is { Key: { } id, Value: var precision })
        {
            throw new StartRefusedException(
                $"Models:Precisions:{id} is {precision.ToString().ToLowerInvariant()}, which needs a GPU; on the CPU it is float32.", 2);
        }

        return new DeviceSlots(devices);
    }

    /// <summary>Threads that share one operator.</summary>
    /// <param name="configured">The configured number; 0: the number that suits the slots.</param>
    public int Threads(int configured) => configured > 0 ? configured : Backend.ThreadsFor(Devices.Count);
}
