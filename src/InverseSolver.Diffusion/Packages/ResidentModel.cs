using System.Runtime.ExceptionServices;

namespace InverseSolver.Diffusion.Packages;

/// <summary>
/// One version of a model on one device: being loaded, loaded, or on its way out. Guarded by its catalogue's gate, but for <see cref="Wait"/>.
/// </summary>
internal sealed class ResidentModel(string id, Device device, string hash, long expectedBytes) : IDisposable
{
    private readonly TaskCompletionSource<LatentModel> _model = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal string Id => id;

    internal Device Device => device;

    internal string Hash => hash;

    internal long Bytes { get; private set; } = expectedBytes;

    internal int Users { get; private set; }

    internal DateTimeOffset LastUsed { get; private set; }

    /// <summary>True where it takes no new leases.</summary>
    internal bool Retired { get; set; }

    internal void Enter() => (Users, LastUsed) = (Users + 1, DateTimeOffset.UtcNow);

    internal void Leave() => (Users, LastUsed) = (Users - 1, DateTimeOffset.UtcNow);

    internal void Succeed(LatentModel loaded)
    {
        Bytes = loaded.WeightBytes;
        _model.SetResult(loaded);
    }

    internal void Fail(Exception error)
    {
        Retired = true;
        _model.SetException(error);
        _ = _model.Task.Exception;
    }

    /// <summary>The model, once it is loaded.</summary>
    internal LatentModel Wait(CancellationToken cancellation)
    {
        try
        {
            _model.Task.Wait(cancellation);
        }
        catch (AggregateException failed)
        {
            ExceptionDispatchInfo.Throw(failed.InnerException!);
        }

        return _model.Task.Result;
    }

    internal LoadedModel Describe() => new(
        device, hash, Retired ? LoadState.Unloading : _model.Task.IsCompleted ? LoadState.Loaded : LoadState.Loading, Bytes, Users, LastUsed);

    public void Dispose()
    {
        if (_model.Task.IsCompletedSuccessfully)
        {
            _model.Task.Result.Dispose();
        }
    }
}
