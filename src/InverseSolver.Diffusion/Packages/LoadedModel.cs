namespace InverseSolver.Diffusion.Packages;

/// <summary>Where a loaded model stands.</summary>
public enum LoadState
{
    /// <summary>Its weights are being read.</summary>
    Loading,

    /// <summary>It can be used.</summary>
    Loaded,

    /// <summary>It was unloaded while in use, and goes with its last user.</summary>
    Unloading,
}

/// <summary>One copy of a model in memory.</summary>
/// <param name="Device">Where it is.</param>
/// <param name="Hash">Which version of the model.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Bytes">What its weights take there; while it is being loaded, what they will take.</param>
/// <param name="Users">How many use it now.</param>
/// <param name="LastUsed">When it was last taken or given back.</param>
public sealed record LoadedModel(Device Device, string Hash, LoadState State, long Bytes, int Users, DateTimeOffset LastUsed);
