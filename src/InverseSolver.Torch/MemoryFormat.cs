namespace InverseSolver.Torch;

/// <summary>How a tensor's dimensions lie in memory, with PyTorch's numbers.</summary>
public enum MemoryFormat
{
    /// <summary>The last dimension closest together.</summary>
    Contiguous = 0,

    /// <summary>As before.</summary>
    Preserve = 1,

    /// <summary>Of (N, C, H, W), the channels closest together.</summary>
    ChannelsLast = 2,
}
