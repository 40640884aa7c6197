namespace InverseSolver.Solvers.Consistency;

/// <summary>What regularised least squares keeps small.</summary>
public enum Penalty
{
    /// <summary>‖x‖².</summary>
    Energy,

    /// <summary>‖∇x‖², forward differences inside the image.</summary>
    Smoothness,
}
