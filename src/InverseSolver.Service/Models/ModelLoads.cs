using System.Diagnostics;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Service.Models;

/// <summary>
/// Loads models for callers of the API, each on its own thread, so that other requests are answered meanwhile. Callers of the same model wait for the same
/// load, which continues if one disconnects. The catalogue loads one model at a time on each device.
/// </summary>
internal sealed class ModelLoads(ModelCatalog catalog)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Id, Device Device, bool Warm), Task<ModelLoad>> _running = [];

    /// <summary>Loads a model, or joins a load in progress.</summary>
    /// <param name="id">The model.</param>
    /// <param name="device">The device.</param>
    /// <param name="warm">True where its networks are called once.</param>
    public Task<ModelLoad> Start(string id, Device device, bool warm)
    {
        using Lock.Scope turn = _gate.EnterScope();
        return _running.TryGetValue((id, device, warm), out Task<ModelLoad>? there)
            ? there
            : _running[(id, device, warm)] = Task.Factory.StartNew(
                () => Load(id, device, warm), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
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
            using Lock.Scope turn = _gate.EnterScope();
            _running.Remove((id, device, warm));
        }
    }
}
