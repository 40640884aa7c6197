namespace InverseSolver.Diffusion;

/// <summary>A package that cannot be used.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="Reason">Why not.</param>
public sealed record BrokenModel(string Name, string Reason);
