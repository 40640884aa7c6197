namespace InverseSolver.Torch;

/// <summary>PyTorch's functions by PyTorch's names.</summary>
public static class torch
{
}
