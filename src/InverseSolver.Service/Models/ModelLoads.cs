using System.Diagnostics;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Service.Models;

/// <summary>
/// Loads models for callers of the API, each on a thread of its own, so that requests are answered meanwhile. Those who ask for the same wait for the same, and
/// one who goes away leaves the load as it is. The catalogue loads one model at a time on each device.
/// </summary>
internal sealed class ModelLoads(ModelCatalog catalog)
{
    private readonly Lock gate = new();
    private readonly Dictionary<(string Id, Device Device, bool Warm), Task<ModelLoad>> running = [];

    /// <summary>Loads a model, or joins those who wait for it.</summary>
    /// <param name="id">The model.</param>
    /// <param name="device">Where to.</param>
    /// <param name="warm">Whether its networks are called once.</param>
    public Task<ModelLoad> Start(string id, Device device, bool warm)
    {
        using Lock.Scope turn = gate.EnterScope();
        return running.TryGetValue((id, device, warm), out Task<ModelLoad>? there)
            ? there
            : running[(id, device, warm)] = Task.Factory.StartNew(() => Load(id, device, warm), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private ModelLoad Load(string id, Device device, bool warm)
    {
        try
        {
            long start = Stopwatch.GetTimestamp();
            using ModelLease lease = catalog.Acquire(id, device, wait: false);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            return new ModelLoad(device.ToString(), lease.Model.Info.Hash!, lease.Model.WeightBytes, seconds, warm ? WarmUp.Run(lease.Model) : null);
        }
        finally
        {
            using Lock.Scope turn = gate.EnterScope();
            running.Remove((id, device, warm));
        }
    }
}
