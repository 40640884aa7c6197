namespace InverseSolver.Diffusion.Packages;

/// <summary>The state of a loaded model.</summary>
public enum LoadState
{
    /// <summary>Its weights are being read.</summary>
    Loading,

    /// <summary>It can be used.</summary>
    Loaded,

    /// <summary>It was unloaded while in use, and is released with its last lease.</summary>
    Unloading,
}

/// <summary>One copy of a model in memory.</summary>
/// <param name="Device">Its device.</param>
/// <param name="Hash">The version of the model.</param>
/// <param name="State">Its state.</param>
/// <param name="Bytes">Bytes of its weights there; while it is being loaded, the expected bytes.</param>
/// <param name="Users">The number of its leases.</param>
/// <param name="LastUsed">The time at which it was last leased or released.</param>
public sealed record LoadedModel(Device Device, string Hash, LoadState State, long Bytes, int Users, DateTimeOffset LastUsed);
